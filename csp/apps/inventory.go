package apps

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Query says which apps an inventory lists, and what it tells of them. The zero Query lists the names of all.
type Query struct {
	Details    bool   // version, publisher and so on, beside the names
	Origin     Origin // empty: all
	FamilyName string // only those that contain it
	Publisher  string // only those that contain it
}

// queryXML is the payload of AppInventoryQuery.
type queryXML struct {
	XMLName    xml.Name `xml:"Inventory"`
	Output     string   `xml:"Output,attr,omitempty"` // PackageNames, PackageDetails, RequiresReinstall; joined by |
	Source     string   `xml:"Source,attr,omitempty"`
	Filter     string   `xml:"PackageTypeFilter,attr,omitempty"` // Main, Bundle, Framework, Resource, XAP, All; joined by |
	FamilyName string   `xml:"PackageFamilyName,attr,omitempty"`
	Publisher  string   `xml:"Publisher,attr,omitempty"`
}

func (q Query) payload() (string, error) {
	x := queryXML{Output: "PackageNames", Source: string(q.Origin), FamilyName: q.FamilyName, Publisher: q.Publisher}
	if q.Details {
		x.Output = "PackageDetails"
	}
	b, err := xml.Marshal(x)
	return string(b), err
}

func parseQuery(text string) (Query, error) {
	if strings.TrimSpace(text) == "" {
		return Query{}, nil
	}
	var x queryXML
	if err := xml.Unmarshal([]byte(text), &x); err != nil {
		return Query{}, fmt.Errorf("%w: want <Inventory …/>: %w", dmtree.ErrValue, err)
	}
	// "PackagesName" and "RequiredReinstall" are how documentation spells two of them in prose.
	for out := range strings.SplitSeq(x.Output, "|") {
		if !slices.Contains([]string{"", "PackageNames", "PackagesName", "PackageDetails", "RequiresReinstall", "RequiredReinstall"}, out) {
			return Query{}, fmt.Errorf("%w: Output %q, want PackageNames, PackageDetails or RequiresReinstall", dmtree.ErrValue, out)
		}
	}
	if !slices.Contains([]string{"", string(AppStore), string(NonStore), string(System)}, x.Source) {
		return Query{}, fmt.Errorf("%w: Source %q, want AppStore, nonStore or System", dmtree.ErrValue, x.Source)
	}
	return Query{strings.Contains(x.Output, "PackageDetails"), Origin(x.Source), x.FamilyName, x.Publisher}, nil
}

// packages is the document of AppInventoryResults.
type packages struct {
	XMLName xml.Name     `xml:"Packages"`
	List    []packageXML `xml:"Package"`
}

type packageXML struct {
	FamilyName      string `xml:"PackageFamilyName,attr,omitempty"`
	FullName        string `xml:"PackageFullName,attr,omitempty"`
	Name            string `xml:"Name,attr,omitempty"`
	Version         string `xml:"Version,attr,omitempty"`
	Publisher       string `xml:"Publisher,attr,omitempty"`
	Architecture    string `xml:"Architecture,attr,omitempty"`
	InstallLocation string `xml:"InstallLocation,attr,omitempty"`
	InstallDate     string `xml:"InstallDate,attr,omitempty"`
}

// inventory answers a query.
func (p *modern) inventory(ctx context.Context, query string) (dmtree.Value, error) {
	q, err := parseQuery(query)
	if err != nil {
		return dmtree.Null, err
	}
	all, err := p.m.Host.Installed(ctx)
	if err != nil {
		return dmtree.Null, err
	}
	var out packages
	for _, a := range all {
		if a.FamilyName == "" || q.Origin != "" && a.Origin != q.Origin ||
			!strings.Contains(strings.ToLower(a.FamilyName), strings.ToLower(q.FamilyName)) ||
			!strings.Contains(strings.ToLower(a.Publisher), strings.ToLower(q.Publisher)) {
			continue
		}
		x := packageXML{FamilyName: a.FamilyName, FullName: a.FullName}
		if q.Details {
			x = packageXML{a.FamilyName, a.FullName, a.Name, a.Version, a.Publisher, a.Architecture, a.InstallLocation, a.InstallDate}
		}
		out.List = append(out.List, x)
	}
	b, err := xml.Marshal(out)
	return dmtree.XML(string(b)), err
}
