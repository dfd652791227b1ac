package corpus

import "fmt"

// policy is a server's answer that sets fifty policies at once.
func policy(w *writer) {
	w.begin(0x2F, 1, false)
	w.status(1, 0, "SyncHdr", "200")
	w.status(1, 2, "Alert", "200")
	w.status(1, 3, "Alert", "200")
	w.status(1, 4, "Replace", "200")
	w.add("<Atomic>", w.cmdID())
	for i := range 50 {
		p := policies[i%len(policies)]
		w.replace("./Device/Vendor/MSFT/Policy/Config/"+p.name, p.format, "text/plain", p.value(w))
	}
	w.add("</Atomic>")
	w.end()
}

// A policyNode is a policy that the corpus sets, below Policy/Config.
type policyNode struct {
	name, format string
	value        func(*writer) string
}

var policies = []policyNode{
	{"AboveLock/AllowCortanaAboveLock", "int", flag},
	{"Accounts/AllowMicrosoftAccountConnection", "int", flag},
	{"ApplicationManagement/AllowAllTrustedApps", "int", flag},
	{"ApplicationManagement/AllowAppStoreAutoUpdate", "int", flag},
	{"Authentication/PreferredAadTenantDomainName", "chr", domain},
	{"BITS/BandwidthThrottlingTransferRate", "int", number},
	{"Bluetooth/AllowDiscoverableMode", "int", flag},
	{"Bluetooth/ServicesAllowedList", "chr", guids},
	{"Browser/AllowPasswordManager", "chr", flag},
	{"Browser/HomePages", "chr", pages},
	{"Camera/AllowCamera", "int", flag},
	{"Connectivity/AllowUSBConnection", "int", flag},
	{"Cryptography/TLSCipherSuites", "chr", ciphers},
	{"Defender/AllowRealtimeMonitoring", "int", flag},
	{"Defender/AttackSurfaceReductionRules", "chr", rules},
	{"Defender/ExcludedPaths", "chr", paths},
	{"Defender/ExcludedProcesses", "chr", paths},
	{"Defender/ScheduleScanTime", "int", number},
	{"DeliveryOptimization/DOCacheHost", "chr", domain},
	{"DeliveryOptimization/DOGroupId", "chr", func(w *writer) string { return w.guid() }},
	{"DeviceLock/DevicePasswordEnabled", "int", flag},
	{"DeviceLock/MaxInactivityTimeDeviceLock", "int", number},
	{"DeviceLock/MinDevicePasswordLength", "int", number},
	{"DmaGuard/DeviceEnumerationPolicy", "int", flag},
	{"Experience/AllowCortana", "int", flag},
	{"Experience/AllowManualMDMUnenrollment", "int", flag},
	{"Games/AllowAdvancedGamingServices", "int", flag},
	{"KioskBrowser/BlockedUrlExceptions", "chr", pages},
	{"LocalPoliciesSecurityOptions/Accounts_RenameAdministratorAccount", "chr", domain},
	{"LocalPoliciesSecurityOptions/InteractiveLogon_MessageTextForUsersAttemptingToLogOn", "chr", notice},
	{"NetworkIsolation/EnterpriseCloudResources", "chr", pages},
	{"NetworkIsolation/EnterpriseIPRange", "chr", ranges},
	{"Power/StandbyTimeoutPluggedIn", "int", number},
	{"Privacy/AllowInputPersonalization", "int", flag},
	{"Privacy/LetAppsAccessCamera_ForceAllowTheseApps", "chr", families},
	{"RestrictedGroups/ConfigureGroupMembership", "chr", groups},
	{"Search/AllowIndexingEncryptedStoresOrItems", "int", flag},
	{"Security/RequireDeviceEncryption", "int", flag},
	{"Settings/PageVisibilityList", "chr", settings},
	{"SmartScreen/EnableSmartScreenInShell", "int", flag},
	{"Start/HideFrequentlyUsedApps", "int", flag},
	{"System/AllowTelemetry", "int", flag},
	{"System/LimitDiagnosticLogCollection", "int", flag},
	{"TimeLanguageSettings/ConfigureTimeZone", "chr", func(w *writer) string { return w.pick("W. Europe Standard Time", "Pacific Standard Time") }},
	{"Update/ActiveHoursStart", "int", number},
	{"Update/BranchReadinessLevel", "int", number},
	{"Update/UpdateServiceUrl", "chr", pages},
	{"UserRights/AccessFromNetwork", "chr", sids},
	{"UserRights/DenyLocalLogOn", "chr", sids},
	{"Wifi/AllowInternetSharing", "int", flag},
}

func flag(w *writer) string   { return fmt.Sprint(w.rnd.IntN(2)) }
func number(w *writer) string { return fmt.Sprint(w.rnd.IntN(1440)) }
func domain(w *writer) string { return w.pick("contoso", "fabrikam", "woodgrove") + ".example" }

func list(w *writer, n int, sep string, one func() string) string {
	s := one()
	for range n - 1 {
		s += sep + one()
	}
	return s
}

func guids(w *writer) string { return list(w, 8, ";", func() string { return "{" + w.guid() + "}" }) }

func rules(w *writer) string {
	return list(w, 16, "|", func() string { return w.guid() + "=" + w.pick("0", "1", "2", "6") })
}

func pages(w *writer) string {
	return list(w, 6, "|", func() string {
		return "https://" + w.pick("portal", "intranet", "wiki", "time") + "." + domain(w) + "/start?site=" + w.hex(6) + "&amp;lang=" + w.pick("en", "de")
	})
}

func ciphers(w *writer) string {
	return list(w, 6, ",", func() string {
		return w.pick("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
	})
}

func paths(w *writer) string {
	return list(w, 9, "|", func() string {
		return `C:\Program Files\` + w.pick("Contoso", "Fabrikam", "Fourth Coffee") + `\` + w.hex(8) + `\service.exe`
	})
}

func ranges(w *writer) string {
	return list(w, 14, ",", func() string {
		a := fmt.Sprintf("10.%d.%d.", w.rnd.IntN(256), w.rnd.IntN(256))
		return a + "1-" + a + "254"
	})
}

func families(w *writer) string {
	return list(w, 4, ";", func() string { return "Contoso." + w.pick("Notes", "Viewer", "Scan") + "_8wekyb3d8bbwe" })
}

func settings(w *writer) string {
	return "showonly:" + list(w, 12, ";", func() string {
		return w.pick("about", "network-wifi", "display", "bluetooth", "printers", "sound", "windowsupdate")
	})
}

func notice(w *writer) string {
	return "This device belongs to " + domain(w) + ". Its use is logged; by signing in you accept the rules of the house, “as published”." +
		" Questions? Call the service desk, extension " + fmt.Sprint(1000+w.rnd.IntN(9000)) + "."
}

// sids is a list whose separator, U+F000, servers write as a numeric reference.
func sids(w *writer) string {
	return list(w, 6, "&#xF000;", func() string {
		return fmt.Sprintf("*S-1-5-21-%d-%d-%d", w.rnd.Uint32(), w.rnd.Uint32(), w.rnd.Uint32())
	})
}

func groups(w *writer) string {
	return "<![CDATA[<groupmembership>" + list(w, 3, "", func() string {
		return `<accessgroup desc="` + w.pick("Administrators", "Remote Desktop Users") + `"><member name="AzureAD\` + w.hex(8) + `@` + domain(w) + `"/></accessgroup>`
	}) + "</groupmembership>]]>"
}

// admx sets forty policies that Windows takes from ADMX files: their values are mark-up in CDATA.
func admx(w *writer) {
	w.begin(0x30, 2, false)
	w.status(2, 0, "SyncHdr", "200")
	w.status(2, 5, "Results", "200")
	for i := range 40 {
		a := admxAreas[i%len(admxAreas)]
		data := "<enabled/>"
		for range 4 + w.rnd.IntN(4) {
			data += `<data id="` + a + w.pick("_ListBox", "_Prompt", "_DropDown", "_Decimal") + fmt.Sprint(1+w.rnd.IntN(9)) + `" value="` +
				w.pick("https://update."+domain(w)+"/"+w.hex(12), fmt.Sprint(w.rnd.IntN(100_000)), `%ProgramFiles%\Contoso\`+w.hex(16),
					"1\uF000https://"+domain(w)+"/*\uF0002\uF000https://"+w.hex(6)+".example/*") + `"/>`
		}
		w.replace("./Device/Vendor/MSFT/Policy/Config/ContosoApp~Policy~"+a+"/"+a+w.hex(6), "chr", "text/plain", "<![CDATA["+data+"]]>")
	}
	w.end()
}

var admxAreas = []string{"Updates", "Printing", "PasswordManager", "ContentSettings", "RemoteAccess", "Proxy", "Extensions", "Startup"}
