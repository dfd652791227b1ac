module github.com/omadm-sdk/omadm

go 1.26
