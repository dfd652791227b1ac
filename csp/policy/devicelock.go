package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/omadm-sdk/omadm/dmtree"
)

// The policies of area DeviceLock that rules of their own bind together.
const (
	areaDeviceLock = "DeviceLock"

	lockEnabled      = "DevicePasswordEnabled" // 0 is enabled, 1 is disabled
	lockAlphanumeric = "AlphanumericDevicePasswordRequired"
	lockComplexity   = "MinDevicePasswordComplexCharacters"
	lockLength       = "MinDevicePasswordLength"
)

// lockDependent are the policies that mean something only while DevicePasswordEnabled is 0.
var lockDependent = []string{
	"AllowIdleReturnWithoutPassword", "AllowSimpleDevicePassword", lockAlphanumeric, "DevicePasswordExpiration",
	"DevicePasswordHistory", "MaxDevicePasswordFailedAttempts", "MaxInactivityTimeDeviceLock", lockComplexity, lockLength,
}

// checkDeviceLock refuses a dependent policy where a password is not demanded: "must be the only policy of the group".
func (t *tx) checkDeviceLock(ctx context.Context) error {
	touched := false
	for _, k := range t.touched {
		touched = touched || k.area == areaDeviceLock
	}
	if !touched {
		return nil
	}
	lock := func(name string) key { return key{area: areaDeviceLock, policy: name} }
	v, err := t.values.Get(ctx, lock(lockEnabled).stored())
	if err == nil {
		if i, err := v.Int(); err == nil && i == 0 {
			return nil
		}
	}
	for _, name := range lockDependent {
		if _, err := t.values.Get(ctx, lock(name).stored()); err == nil {
			return &dmtree.Error{Op: "prepare", URI: lock(name).config(), Err: fmt.Errorf(
				"%w: means something only while %s is 0 (a password is demanded), in the same Atomic or before", dmtree.ErrValue, lockEnabled)}
		}
	}
	return nil
}

// withImplied returns the policies that were touched, and those whose effective value may follow from these.
func (t *tx) withImplied() []key {
	out := slices.Clone(t.touched)
	for _, k := range t.touched {
		if k.area != areaDeviceLock || k.policy != lockEnabled && k.policy != lockAlphanumeric {
			continue
		}
		for _, name := range []string{lockLength, lockComplexity} {
			if implied := (key{area: areaDeviceLock, policy: name}); !slices.Contains(out, implied) {
				out = append(out, implied)
			}
		}
	}
	return out
}

// holds is what is true for a policy: its effective value, or what other policies imply where no source sets it.
func (p *Policies) holds(ctx context.Context, k key, v view) (evaluated, error) {
	e, err := p.effective(ctx, k, v)
	if err != nil || e.isSet || k.area != areaDeviceLock || k.policy != lockLength && k.policy != lockComplexity {
		return e, err
	}
	number := func(name string) (int64, bool, error) {
		e, err := p.effective(ctx, key{area: areaDeviceLock, policy: name}, v)
		if err != nil || !e.isSet {
			return 0, false, err
		}
		i, err := e.value.Int()
		return i, err == nil, nil
	}
	enabled, ok, err := number(lockEnabled)
	if err != nil || !ok {
		return e, err
	}
	alphanumeric, demanded, err := number(lockAlphanumeric)
	if err != nil {
		return e, err
	}
	imply := func(length, complexity int64) (evaluated, error) {
		i := complexity
		if k.policy == lockLength {
			i = length
		}
		return evaluated{value: dmtree.Int(i), known: true}, nil
	}
	switch {
	case enabled != 0:
		return imply(0, 0)
	case demanded && alphanumeric == 0:
		return imply(4, 2)
	case demanded:
		return imply(0, 1)
	}
	return imply(4, 1)
}
