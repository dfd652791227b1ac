package apps_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// A device whose applications are directories.
func ExampleManager() {
	dir, err := os.MkdirTemp("", "apps-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	m := &apps.Manager{Host: apps.Dir(filepath.Join(dir, "apps"))}
	mux := new(dmtree.Mux)
	m.Mount(mux)
	defer m.Close()

	job := dmtree.URI("./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppInstallation/Contoso.Hello_8wekyb3d8bbwe")
	ctx := context.Background()
	fmt.Println(dmtree.Add(ctx, mux, job, dmtree.Interior()))
	fmt.Println(dmtree.Exec(ctx, mux, job.Join("HostedInstall"), dmtree.XML("<Application/>")))
	v, err := dmtree.Get(ctx, mux, job.Join("Status"))
	fmt.Println(v, err)
	// Output:
	// <nil>
	// dmtree: exec ./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppInstallation/Contoso.Hello_8wekyb3d8bbwe/HostedInstall: value not acceptable: want <Application PackageUri="https://…"/>
	// 0 <nil>
}

// A server installs an app, and hears later how it ended.
func ExampleInstallHosted() {
	handler := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		for _, a := range r.Alerts {
			if end, ok := apps.Finished(a); ok {
				fmt.Println(end.URI, "ended with", end.Err)
			}
		}
		if r.First {
			apps.InstallHosted(&w.Batch, "Contoso.Hello_8wekyb3d8bbwe", "https://apps.example.com/hello.msix", false)
		}
		return nil
	})
	_ = &session.Server{Handler: handler}
}
