package admx

import "strings"

// Windows lets ingested policies write neither to these keys nor below them …
var reserved = []string{
	`system\`,
	`software\microsoft\`,
	`software\policies\microsoft\`,
}

// … but for what is below these, in the order of the documentation.
var exceptions = []string{
	`software\policies\microsoft\office\`,
	`software\microsoft\office\`,
	`software\microsoft\windows\currentversion\explorer\`,
	`software\microsoft\internet explorer\`,
	`software\policies\microsoft\shared tools\proofing tools\`,
	`software\policies\microsoft\imejp\`,
	`software\policies\microsoft\ime\shared\`,
	`software\policies\microsoft\shared tools\graphics filters\`,
	`software\policies\microsoft\windows\currentversion\explorer\`,
	`software\policies\microsoft\softwareprotectionplatform\`,
	`software\policies\microsoft\officesoftwareprotectionplatform\`,
	`software\policies\microsoft\windows\windows search\preferences\`,
	`software\policies\microsoft\exchange\`,
	`software\microsoft\shared tools\proofing tools\`,
	`software\microsoft\shared tools\graphics filters\`,
	`software\microsoft\windows\windows search\preferences\`,
	`software\microsoft\exchange\`,
	`software\policies\microsoft\vba\security\`,
	`software\microsoft\onedrive`,
	`software\microsoft\edge`,
	`software\microsoft\edgeupdate\`,
}

// reservedArea returns the area that a registry key is in and must not be, or
// "".
func reservedArea(key string) string {
	key = strings.ToLower(strings.Trim(strings.ReplaceAll(key, "/", `\`), `\ `)) + `\`
	for _, e := range exceptions {
		if strings.HasPrefix(key, e) {
			return ""
		}
	}
	for _, r := range reserved {
		if strings.HasPrefix(key, r) {
			return strings.TrimSuffix(r, `\`)
		}
	}
	return ""
}

// listedElsewhere tells keys of products that the documentation lists without
// \Policies, while their makers tell administrators to ingest their files.
func listedElsewhere(key string) bool {
	key = strings.ToLower(key)
	return strings.HasPrefix(key, `software\policies\microsoft\edge`) || strings.HasPrefix(key, `software\policies\microsoft\onedrive`)
}
