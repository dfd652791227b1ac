package policy

import (
	"errors"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// Config returns where a server sets a policy of the device.
func Config(area, policy string) dmtree.URI { return key{"", area, policy}.config() }

// UserConfig returns where a server sets a policy of the user who is signed in.
func UserConfig(area, policy string) dmtree.URI { return key{"user", area, policy}.config() }

// Result returns where a device tells what holds for a policy of it, over all sources.
func Result(area, policy string) dmtree.URI { return subtree("").Join("Result", area, policy) }

// UserResult is [Result] for a policy of the user who is signed in.
func UserResult(area, policy string) dmtree.URI { return subtree("user").Join("Result", area, policy) }

// A DeviceLock is what a server wants of the device's password. A nil field leaves that policy as it is.
type DeviceLock struct {
	// Password demands one (true), or does not (false); then no other field may be set.
	Password bool

	MinLength         *int64 // characters, 4 to 16
	ComplexCharacters *int64 // 1 digits, 2 and lower case, 3 and upper case, 4 and special; only with Alphanumeric 0
	Alphanumeric      *int64 // 0 password or alphanumeric PIN, 1 password or numeric PIN, 2 any of them
	AllowSimple       *bool  // such as 1111
	Expiration        *int64 // days, at most 730; 0 never
	History           *int64 // passwords that may not be used again, the current one included; at most 50
	FailedAttempts    *int64 // until the device protects itself; 4 to 16 on desktops, 0 never
	Inactivity        *int64 // minutes until it locks, at most 999; 0 never
}

// Write adds the policies to b as one Atomic, as Windows demands, the one that the others depend on first.
func (d DeviceLock) Write(b *session.Batch) *session.Entry {
	return b.Atomic(func(b *session.Batch) {
		set := func(name string, v int64) { b.Replace(Config(areaDeviceLock, name), dmtree.Int(v)) }
		optional := func(name string, v *int64) {
			if v != nil {
				set(name, *v)
			}
		}
		set(lockEnabled, number(!d.Password)) // 0 is enabled
		optional(lockAlphanumeric, d.Alphanumeric)
		optional(lockLength, d.MinLength)
		optional(lockComplexity, d.ComplexCharacters)
		if d.AllowSimple != nil {
			set("AllowSimpleDevicePassword", number(*d.AllowSimple))
		}
		optional("DevicePasswordExpiration", d.Expiration)
		optional("DevicePasswordHistory", d.History)
		optional("MaxDevicePasswordFailedAttempts", d.FailedAttempts)
		optional("MaxInactivityTimeDeviceLock", d.Inactivity)
	})
}

// AllowStorageCard lets the device use storage cards and USB drives, or not.
func AllowStorageCard(b *session.Batch, allow bool) *session.Entry {
	return b.Replace(Config("System", "AllowStorageCard"), dmtree.Int(number(allow)))
}

// RequireDeviceEncryption has the device encrypt its storage. It cannot be taken back: no policy decrypts.
func RequireDeviceEncryption(b *session.Batch) *session.Entry {
	return b.Replace(Config("Security", "RequireDeviceEncryption"), dmtree.Int(1))
}

// encryptionCompliance is where every build of Windows tells whether it is encrypted.
const encryptionCompliance dmtree.URI = "./Device/Vendor/MSFT/DeviceStatus/Compliance/EncryptionCompliance"

// AskEncryption asks whether the system drive is encrypted as the policy wants it; [Encrypted] reads the answer.
func AskEncryption(b *session.Batch) *session.Entry { return b.Get(encryptionCompliance) }

// Encrypted reads the answer to [AskEncryption] out of results. It is an error if the device refused it, or if it is
// not among the results.
func Encrypted(results []session.Result) (bool, error) {
	for i := range results {
		if results[i].URI.EqualFold(encryptionCompliance) {
			v, err := results[i].Value()
			if err != nil {
				return false, err
			}
			return v.Bool()
		}
	}
	return false, errors.New("policy: EncryptionCompliance is not among the results")
}

// SetPayload sets a policy that stands for a Group Policy. What its payload needs is in [csp.ADMXPolicy]. To configure
// such a policy no more, delete it.
func SetPayload(b *session.Batch, u dmtree.URI, p *csp.Payload) *session.Entry {
	return b.Replace(u, dmtree.String(p.String())).As(syncml.DataCDATA)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
