package apps

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Dir is a [Host] that keeps each app in a directory of its own below it: the package as it came, and what is known of
// it. It runs nothing. Of a packaged app (.appx, .msix) it reads the manifest, and refuses one of another family.
type Dir string

// Errors of Dir, as Windows numbers them.
const (
	invalidPackage HRESULT = 0x80073CF2
	notFound       HRESULT = 0x80073CF1
)

const (
	fileAbout   = "app.json"
	filePackage = "package"
)

// Install implements [Host].
func (d Dir) Install(ctx context.Context, p *Package) error {
	a := App{Origin: NonStore, FamilyName: p.FamilyName, ProductID: p.ProductID, Version: p.Version, InstallDate: today()}
	if p.ProductID != "" {
		a.Origin = ""
		a.Name = nameInURL(p.URL)
	} else if err := readManifest(p.Path, &a); err != nil {
		return err
	}
	dir, err := d.dir(a)
	if err != nil {
		return err
	}
	a.InstallLocation = dir
	tmp, err := os.MkdirTemp(string(d), ".new-*")
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(string(d), 0o755); err == nil {
			tmp, err = os.MkdirTemp(string(d), ".new-*")
		}
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	about, err := json.MarshalIndent(a, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, fileAbout), about, 0o644); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(tmp, filePackage), p.Path); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// Remove implements [Host].
func (d Dir) Remove(_ context.Context, a App) error {
	dir, err := d.dir(a)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%w: %w", notFound, err)
	}
	return os.RemoveAll(dir)
}

// Installed implements [Host].
func (d Dir) Installed(context.Context) ([]App, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []App
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(string(d), e.Name(), fileAbout))
		if errors.Is(err, fs.ErrNotExist) {
			continue // being removed
		} else if err != nil {
			return nil, err
		}
		var a App
		if err := json.Unmarshal(data, &a); err != nil {
			return nil, fmt.Errorf("apps: %s: %w", e.Name(), err)
		}
		out = append(out, a)
	}
	return out, nil
}

// dir is the directory of an app. Its name comes from a server: only what can be one name is let through.
func (d Dir) dir(a App) (string, error) {
	name := a.FamilyName + a.ProductID
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\:\x00") || !filepath.IsLocal(name) {
		return "", fmt.Errorf("%w: %q cannot be the name of an app", invalidPackage, name)
	}
	return filepath.Join(string(d), name), nil
}

// readManifest fills in what the manifest of a packaged app says about it.
func readManifest(file string, a *App) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("%w: %w", invalidPackage, err)
	}
	defer z.Close()
	f, err := z.Open("AppxManifest.xml")
	if err != nil {
		return fmt.Errorf("%w: %w", invalidPackage, err)
	}
	defer f.Close()
	var m struct {
		Identity struct {
			Name         string `xml:"Name,attr"`
			Version      string `xml:"Version,attr"`
			Publisher    string `xml:"Publisher,attr"`
			Architecture string `xml:"ProcessorArchitecture,attr"`
		}
		Properties struct{ DisplayName string }
	}
	if err := xml.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&m); err != nil {
		return fmt.Errorf("%w: AppxManifest.xml: %w", invalidPackage, err)
	}
	id := m.Identity
	// A family is <name>_<hash of the publisher>.
	family, publisher, _ := strings.Cut(a.FamilyName, "_")
	if a.FamilyName == "" { // a dependency, of which the server says no name
		family, a.FamilyName = id.Name, id.Name
	}
	if !strings.EqualFold(family, id.Name) {
		return fmt.Errorf("%w: want family %s, the package is %s", invalidPackage, a.FamilyName, id.Name)
	}
	a.Name, a.Version, a.Publisher = cmp.Or(m.Properties.DisplayName, id.Name), id.Version, id.Publisher
	a.Architecture = cmp.Or(id.Architecture, "neutral")
	a.FullName = id.Name + "_" + id.Version + "_" + a.Architecture + "__" + publisher
	return nil
}

// nameInURL is the name of the file that a URL ends in, without its extension.
func nameInURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.TrimSuffix(path.Base(u.Path), path.Ext(u.Path))
}

func copyFile(dst, src string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	_, err = io.Copy(out, in)
	return err
}
