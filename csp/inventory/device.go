package inventory

import "context"

// A Device is what a device tells about itself. The fields of the three structs are the nodes of the same names; a nil
// pointer is a node that the device does not have.
//
// A *Device is also a [Host] that answers with itself.
type Device struct {
	DevInfo      DevInfo
	DevDetail    DevDetail
	DeviceStatus DeviceStatus
}

// Inventory implements [Host].
func (d *Device) Inventory(context.Context) (*Device, error) { return d, nil }

// DevInfo is ./DevInfo, which a device sends at the start of each session.
type DevInfo struct {
	DevId string // the DeviceID of the enrollment; the node is spelled DevId, prose often has DevID
	Man   string // manufacturer; "Unknown" if it is not known
	Mod   string // model
	DmV   string // version of the management client; Windows says 1.3
	Lang  string // language tag, such as en-US
	Ext   *DevInfoExt
}

// DevInfoExt is ./DevInfo/Ext.
type DevInfoExt struct {
	ICCID *string // of the SIM
}

// DevDetail is ./DevDetail, which a device tells when asked.
type DevDetail struct {
	URI    URILimits
	DevTyp string // product name of the system
	OEM    string // manufacturer
	FwV    string // version of the firmware; on desktops that of the BIOS
	SwV    string // version of the system, on Windows 10.0.<build>.<revision>
	HwV    string // version of the hardware; on desktops that of the BIOS
	LrgObj bool   // whether the client accepts and sends large objects
	Ext    DevDetailExt
}

// URILimits is ./DevDetail/URI: how long URIs may be. "0" is no limit.
type URILimits struct {
	MaxDepth  string // in segments
	MaxTotLen string // in characters
	MaxSegLen string // in characters
}

// DevDetailExt is ./DevDetail/Ext.
type DevDetailExt struct {
	Microsoft           MicrosoftDetail
	WLANMACAddress      *string
	VoLTEServiceSetting *bool
	WlanIPv4Address     *string
	WlanIPv6Address     *string
	WlanDnsSuffix       *string
	WlanSubnetMask      *string
	DeviceHardwareData  *string // opaque, base64
}

// MicrosoftDetail is ./DevDetail/Ext/Microsoft.
type MicrosoftDetail struct {
	MobileID                  *string // IMSI
	RadioSwV                  *string
	Resolution                *string // <width>x<height>
	CommercializationOperator *string
	ProcessorArchitecture     int64  // as in SYSTEM_INFO: 0 x86, 5 ARM, 9 x64, 12 ARM64
	ProcessorType             int64  // as in SYSTEM_INFO
	OSPlatform                string // product name of the system
	LocalTime                 string // ISO 8601
	DeviceName                string
	DNSComputerName           string
	TotalStorage              *int64 // MB
	FreeStorage               *int64 // MB, of the first internal drive
	TotalRAM                  int64  // MB
	SMBIOSSerialNumber        *string
	SMBIOSVersion             *string
	SystemSKU                 *string
}

// DeviceStatus is ./Vendor/MSFT/DeviceStatus. The values of the integers are listed in Microsoft's description of the
// CSP; where a constant of this package exists, the comment names it.
type DeviceStatus struct {
	SecureBootState    int64 // SecureBootUnsupported, SecureBootEnabled or SecureBootDisabled
	CellularIdentities map[string]CellularIdentity
	NetworkIdentifiers map[string]NetworkIdentifier // by MAC address
	Compliance         Compliance
	TPM                TPM
	OS                 OS
	Antivirus          Protection
	Antispyware        Protection
	Firewall           StatusOnly
	UAC                StatusOnly
	Battery            Battery
	DomainName         string // empty if the device has joined none
	DeviceGuard        DeviceGuard
	DMA                *DMA
}

// Values of [DeviceStatus.SecureBootState].
const (
	SecureBootUnsupported int64 = 0
	SecureBootEnabled     int64 = 1
	SecureBootDisabled    int64 = 2
)

// A CellularIdentity describes one SIM; its name is the IMEI.
type CellularIdentity struct {
	IMSI                      string
	ICCID                     string
	PhoneNumber               string
	CommercializationOperator string
	RoamingStatus             bool
	RoamingCompliance         bool
}

// A NetworkIdentifier describes one network adapter; its name is the MAC address.
type NetworkIdentifier struct {
	IPAddressV4 string
	IPAddressV6 string
	IsConnected bool
	Type        int64 // NetworkUnknown, NetworkLAN or NetworkWLAN
}

// Values of [NetworkIdentifier.Type].
const (
	NetworkUnknown int64 = 0
	NetworkLAN     int64 = 1
	NetworkWLAN    int64 = 2
)

// Compliance is the answer to "is this device encrypted".
type Compliance struct {
	EncryptionCompliance bool // the system drive is encrypted as the policy wants it
}

// TPM describes the trusted platform module. What is not known is NotAvailable.
type TPM struct {
	SpecificationVersion string
	ManufacturerId       string
	ManufacturerIdTxt    string
	ManufacturerVersion  string
}

// NotAvailable is the documented answer of nodes whose fact is not known.
const NotAvailable = "Not available"

// OS describes the edition of the system.
type OS struct {
	Edition string // number of the edition as text
	Mode    string // 0 standard, 1 S mode. The description says int, but its own default is NotAvailable.
}

// Protection is the state of a kind of protection against malware.
type Protection struct {
	SignatureStatus int64 // 0 not latest, 1 latest, 2 does not apply
	Status          int64
}

// StatusOnly is a group that has a Status alone.
type StatusOnly struct {
	Status int64
}

// Battery is the state of the battery. Times are seconds; -1 is mains or unknown.
type Battery struct {
	Status                   int64
	EstimatedChargeRemaining int64
	EstimatedRuntime         int64
}

// DeviceGuard is the state of virtualization-based security; 0 is "running" or "requirements met" everywhere.
type DeviceGuard struct {
	VirtualizationBasedSecurityHwReq      int64
	VirtualizationBasedSecurityStatus     int64
	LsaCfgCredGuardStatus                 int64
	HypervisorEnforcedCodeIntegrityStatus int64
	SystemGuardStatus                     int64
}

// DMA is the state of the protection against direct memory access during boot: 1 enabled, 2 disabled.
type DMA struct {
	BootDMAProtectionStatus int64
}
