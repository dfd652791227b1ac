module github.com/omadm-sdk/omadm/examples

go 1.26

replace github.com/omadm-sdk/omadm => ../
