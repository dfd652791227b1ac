module github.com/omadm-sdk/omadm/examples

go 1.26.0

require (
	github.com/omadm-sdk/omadm v0.0.0
	github.com/stretchr/testify v1.12.1
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	github.com/beevik/etree v1.8.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.58.0 // indirect
)

replace github.com/omadm-sdk/omadm => ../
