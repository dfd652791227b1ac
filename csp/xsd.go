package csp

func (a *allowed) checkXSD(text string) (want string, err error) {
	return "", undecidable("XML documents of this kind are not checked against their schema")
}
