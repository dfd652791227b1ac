package nodecache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Digest returns the SHA-256 of the value of u, in hexadecimal: of a leaf, of its text in UTF-8; of an interior node, of
// the lines "<URI below u> <digest of that leaf>\n" of all leaves below it, sorted by URI.
//
// How Windows spells the digest and what it covers for an interior node is not published. This package sends
// hexadecimal, and as a device accepts base64 too.
func Digest(ctx context.Context, tree dmtree.Provider, u dmtree.URI) (string, error) {
	v, err := dmtree.Get(ctx, tree, u)
	if err != nil {
		return "", err
	}
	if !v.IsInterior() {
		sum := sha256.Sum256([]byte(v.Text()))
		return hex.EncodeToString(sum[:]), nil
	}
	return digestBelow(ctx, tree, u)
}

func sameDigest(ctx context.Context, tree dmtree.Provider, u dmtree.URI, want string) (bool, error) {
	got, err := Digest(ctx, tree, u)
	if err != nil {
		return false, err
	}
	if strings.EqualFold(got, want) {
		return true, nil
	}
	raw, err := base64.StdEncoding.DecodeString(want)
	return err == nil && hex.EncodeToString(raw) == got, nil
}

func digestBelow(ctx context.Context, tree dmtree.Provider, root dmtree.URI) (string, error) {
	var lines []string
	for e, err := range dmtree.Walk(ctx, tree, root) {
		if err != nil {
			return "", err
		}
		if !e.Value.IsInterior() {
			sum := sha256.Sum256([]byte(e.Value.Text()))
			below := strings.TrimPrefix(string(e.URI), string(root.Canonical())+"/")
			lines = append(lines, below+" "+hex.EncodeToString(sum[:])+"\n")
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:]), nil
}
