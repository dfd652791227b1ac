package inventory

import (
	"context"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
)

// Local returns the host that this program runs on. DevId is deviceID, which enrollment decides. On Linux, the facts
// come from the kernel; on other systems only what Go itself knows is told, and the rest is empty or absent.
func Local(deviceID string) Host { return local(deviceID) }

type local string

// Inventory implements [Host]. The facts are found anew each time, so that free space and addresses are true.
func (l local) Inventory(context.Context) (*Device, error) {
	d := &Device{
		DevInfo: DevInfo{DevId: string(l), Man: "Unknown", Mod: "Unknown", DmV: "1.3", Lang: language()},
		DevDetail: DevDetail{
			URI:    URILimits{MaxDepth: "0", MaxTotLen: "0", MaxSegLen: "0"},
			LrgObj: true,
			Ext: DevDetailExt{Microsoft: MicrosoftDetail{
				ProcessorArchitecture: architecture(),
				OSPlatform:            runtime.GOOS,
				LocalTime:             time.Now().Format(time.RFC3339),
			}},
		},
		DeviceStatus: DeviceStatus{
			NetworkIdentifiers: adapters(),
			TPM:                TPM{NotAvailable, NotAvailable, NotAvailable, NotAvailable},
			OS:                 OS{Edition: NotAvailable, Mode: NotAvailable},
			// What this package cannot find out keeps the default of the CSP's description.
			Antivirus:   Protection{SignatureStatus: 1, Status: 3},
			Antispyware: Protection{SignatureStatus: 1, Status: 3},
			Firewall:    StatusOnly{Status: 3},
			Battery:     Battery{EstimatedChargeRemaining: -1, EstimatedRuntime: -1},
			// The numbers are "not configured" for what is Windows' own.
			DeviceGuard: DeviceGuard{0, 4, 3, 2, 2},
		},
	}
	name, _ := os.Hostname()
	d.DevDetail.Ext.Microsoft.DeviceName, d.DevDetail.Ext.Microsoft.DNSComputerName = name, name
	if _, domain, ok := strings.Cut(name, "."); ok {
		d.DeviceStatus.DomainName = domain
	}
	system(d)
	return d, nil
}

// language is the language tag of the environment: LANG is language_TERRITORY.codeset@modifier in POSIX.
func language() string {
	tag, _, _ := strings.Cut(os.Getenv("LANG"), ".")
	tag, _, _ = strings.Cut(tag, "@")
	if tag == "" || tag == "C" || tag == "POSIX" {
		return "en-US"
	}
	return strings.ReplaceAll(tag, "_", "-")
}

// architecture is the number that Windows' SYSTEM_INFO has for the processor, 0xFFFF for one it does not know.
func architecture() int64 {
	switch runtime.GOARCH {
	case "386":
		return 0
	case "arm":
		return 5
	case "amd64":
		return 9
	case "arm64":
		return 12
	}
	return 0xFFFF
}

// adapters lists the network adapters that have a MAC address.
func adapters() map[string]NetworkIdentifier {
	out := map[string]NetworkIdentifier{}
	list, err := net.Interfaces()
	if err != nil {
		return out
	}
	for _, i := range list {
		if len(i.HardwareAddr) == 0 {
			continue
		}
		n := NetworkIdentifier{IsConnected: i.Flags&net.FlagRunning != 0, Type: networkType(i.Name)}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			ip, ok := a.(*net.IPNet)
			switch {
			case !ok:
			case ip.IP.To4() != nil && n.IPAddressV4 == "":
				n.IPAddressV4 = ip.IP.String()
			case ip.IP.To4() == nil && n.IPAddressV6 == "":
				n.IPAddressV6 = ip.IP.String()
			}
		}
		out[strings.ReplaceAll(i.HardwareAddr.String(), ":", "-")] = n
	}
	return out
}
