package inventory

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// system adds what the Linux kernel tells.
func system(d *Device) {
	dmi := func(name string) string { return line("/sys/class/dmi/id/" + name) }
	setIf(&d.DevInfo.Man, dmi("sys_vendor"))
	setIf(&d.DevInfo.Mod, dmi("product_name"))
	det, ms := &d.DevDetail, &d.DevDetail.Ext.Microsoft
	det.OEM, det.DevTyp = d.DevInfo.Man, d.DevInfo.Mod
	det.FwV, det.HwV = dmi("bios_version"), dmi("bios_version")
	det.SwV = line("/proc/sys/kernel/osrelease")
	setIf(&ms.OSPlatform, osName())
	ms.SMBIOSSerialNumber = known(dmi("product_serial"))
	ms.SMBIOSVersion = known(dmi("bios_version"))
	ms.SystemSKU = known(dmi("product_sku"))
	ms.TotalRAM = memoryMB()
	ms.FreeStorage = freeMB("/")

	st := &d.DeviceStatus
	st.SecureBootState = secureBoot()
	st.Compliance.EncryptionCompliance = rootEncrypted()
	if v := line("/sys/class/tpm/tpm0/tpm_version_major"); v != "" {
		st.TPM.SpecificationVersion = v + ".0"
	}
}

// line is the trimmed content of a small file of the kernel's, empty if it cannot be read.
func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func setIf(dst *string, s string) {
	if s != "" {
		*dst = s
	}
}

// known is nil for an empty fact: the node is absent then.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func osName() string {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return ""
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if v, ok := strings.CutPrefix(sc.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

func memoryMB() int64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit) >> 20)
}

func freeMB(path string) *int64 {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil || st.Bsize <= 0 {
		return nil
	}
	mb := int64(min(st.Bavail*uint64(st.Bsize)>>20, math.MaxInt32)) // the node's format is a 32-bit int
	return &mb
}

// secureBoot reads the UEFI variable SecureBoot: four octets of attributes, then 1 if it is on (UEFI 2.10, 3.3).
func secureBoot() int64 {
	b, err := os.ReadFile("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	switch {
	case err != nil || len(b) < 5:
		return SecureBootUnsupported
	case b[4] == 1:
		return SecureBootEnabled
	}
	return SecureBootDisabled
}

// rootEncrypted tells whether the root file system lies on a device-mapper volume of dm-crypt, however many other
// volumes (LVM, say) are in between.
func rootEncrypted() bool {
	var st syscall.Stat_t
	if syscall.Stat("/", &st) != nil {
		return false
	}
	dev := uint64(st.Dev)
	major, minor := dev>>8&0xfff, dev&0xff|dev>>12&0xfff00
	return encrypted("/sys/dev/block/"+strconv.FormatUint(major, 10)+":"+strconv.FormatUint(minor, 10), 8)
}

func encrypted(block string, depth int) bool {
	if strings.HasPrefix(line(filepath.Join(block, "dm", "uuid")), "CRYPT-") {
		return true
	}
	below, _ := filepath.Glob(filepath.Join(block, "slaves", "*"))
	for _, b := range below {
		if depth > 0 && encrypted(b, depth-1) {
			return true
		}
	}
	return false
}

// networkType knows a wireless adapter by the directory that its driver adds.
func networkType(name string) int64 {
	if _, err := os.Stat("/sys/class/net/" + name + "/wireless"); err == nil {
		return NetworkWLAN
	}
	return NetworkLAN
}
