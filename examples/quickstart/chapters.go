package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/csp/certs"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/csp/wipe"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

var (
	camera  = policy.Config("Camera", "AllowCamera")
	storage = policy.Config("System", "AllowStorageCard")
)

// holds checks what the device says that holds, and what its agent enforces.
func (s *story) holds(c *session.Conversation, area, name, value string) error {
	v, err := c.Get(policy.Result(area, name))
	if err != nil {
		return err
	}
	return errors.Join(want("Result of "+name, v.Text(), value), want("the enforced "+name, s.device.enforced[name], value))
}

func (s *story) getsPolicies(ctx context.Context) error {
	sum, err := s.session(ctx, func(c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) {
			policy.DeviceLock{Password: true, MinLength: new(int64(8)), Inactivity: new(int64(5))}.Write(b)
			b.Atomic(func(b *session.Batch) {
				policy.AllowStorageCard(b, false)
				policy.RequireDeviceEncryption(b)
				b.Replace(camera, dmtree.Int(0))
				b.Replace(policy.Config("ApplicationManagement", "AllowAllTrustedApps"), dmtree.Int(1))
			})
		})
		if err != nil {
			return err
		}
		for i := range results {
			if err := results[i].Err(); err != nil {
				return err
			}
		}
		return errors.Join(s.holds(c, "DeviceLock", "MinDevicePasswordLength", "8"), s.holds(c, "DeviceLock", "DevicePasswordEnabled", "0"),
			s.holds(c, "System", "AllowStorageCard", "0"), s.holds(c, "Camera", "AllowCamera", "0"))
	})
	if err != nil {
		return err
	}
	s.proved("two Atomics, one of device lock: each done as a whole")
	s.proved("read back from Policy/Result, and enforced: a password of 8, no storage card, no camera")
	s.proved("%d messages, %d commands, %d refused", sum.Messages, sum.Commands, sum.Failed)
	return nil
}

func (s *story) getsWrongPolicy(ctx context.Context) error {
	var wrong *session.Result
	_, err := s.session(ctx, func(c *session.Conversation) (err error) {
		wrong, err = c.Atomic(func(b *session.Batch) {
			b.Replace(camera, dmtree.Int(1))
			b.Replace(storage, dmtree.Int(7)) // 0 and 1 are allowed
		})
		if wrong == nil {
			return err
		}
		return errors.Join(s.holds(c, "Camera", "AllowCamera", "0"), s.holds(c, "System", "AllowStorageCard", "0"))
	})
	if err != nil {
		return err
	}
	if err := want("the Atomic", wrong.Status, syncml.StatusAtomicFailed); err != nil {
		return err
	}
	first, culprit := wrong.Children[0], wrong.Children[1]
	if !culprit.Blamed {
		return fmt.Errorf("the culprit is not blamed: %v", culprit.Status)
	}
	if err := want("the command before it", first.Status, syncml.StatusRolledBack); err != nil {
		return err
	}
	n, _ := csp.Windows().Lookup(storage)
	s.proved("its Atomic is %v", wrong.Status)
	s.proved("the culprit, %s = 7, is %v; the schema knew: %v", storage.Name(), culprit.Status, n.Validate(dmtree.Int(7)))
	s.proved("the camera, which came before it, is %v: it is still off", first.Status)
	return nil
}

func (s *story) getsCertificates(ctx context.Context) error {
	pfx, leaf, err := newPFX("ada@example.com", "hunter2")
	if err != nil {
		return err
	}
	var thumb string
	var roots []string
	var refused *session.Result
	_, err = s.session(ctx, func(c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) {
			certs.Trust(b, certs.Root, s.server.ca.Certificate)
			certs.InstallPFX(b, certs.PFX{ID: "vpn", Blob: pfx, Password: "hunter2"})
		})
		if err == nil {
			err = errors.Join(results[0].Err(), results[1].Err())
		}
		if err != nil {
			return err
		}
		results, err = c.Do(func(b *session.Batch) {
			certs.AskPFX(b, certs.PFX{ID: "vpn"})
			certs.Ask(b, certs.Root)
			b.Get("./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/vpn/PFXCertPassword")
		})
		if err != nil {
			return err
		}
		if thumb, err = certs.ReadPFX(results, certs.PFX{ID: "vpn"}); err != nil {
			return err
		}
		if roots, err = certs.Names(&results[2]); err != nil {
			return err
		}
		refused = &results[3]
		return nil
	})
	if err != nil {
		return err
	}
	if !slices.Contains(roots, certs.Thumbprint(s.server.ca.Certificate)) {
		return errors.New("the authority is not in the store")
	}
	if err := want("the thumbprint", thumb, certs.Thumbprint(leaf)); err != nil {
		return err
	}
	if err := want("reading the password", refused.Status, syncml.StatusPermissionDenied); err != nil {
		return err
	}
	s.proved("the authority is in Root, as %s…", roots[0][:12])
	s.proved("the PFX was opened, its key stored; the certificate is %s…", thumb[:12])
	s.proved("the password cannot be read back: %v", refused.Status)
	return nil
}

func (s *story) installsApp(ctx context.Context) error {
	const family = "Contoso.Hello_8wekyb3d8bbwe"
	var started, token *session.Result
	_, err := s.session(ctx, func(c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) {
			apps.SetToken(b, "4000001", "QW4gZW50ZXJwcmlzZSB0b2tlbg==")
		})
		if err == nil {
			err = results[0].Err()
		}
		if err != nil {
			return err
		}
		results, err = c.Do(func(b *session.Batch) {
			apps.AskToken(b, "4000001")
			apps.InstallHosted(b, family, s.server.url+appPath, false)
		})
		if err != nil {
			return err
		}
		token, started = &results[0], &results[len(results)-1]
		return nil
	})
	if err != nil {
		return err
	}
	if v, err := token.Value(); err != nil || v.Text() != "0" {
		return fmt.Errorf("the enterprise token: %v, %v", v, err)
	}
	if err := want("the installation", started.Status, syncml.StatusAccepted); err != nil {
		return err
	}
	s.proved("the enterprise token is installed and valid")
	s.proved("the installation is %v: it goes on after the session", started.Status)

	s.device.apps.Wait()
	var list []apps.App
	_, err = s.session(ctx, func(c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) { apps.AskInventory(b, apps.Query{Details: true, Origin: apps.NonStore}, false) })
		if err != nil {
			return err
		}
		list, err = apps.ReadInventory(&results[1])
		return err
	})
	if err != nil {
		return err
	}
	end, ok := s.server.finished()
	if !ok || end.Err != nil {
		return fmt.Errorf("the alert at the end of the installation: %v, %v", ok, end.Err)
	}
	if len(list) != 1 || list[0].FamilyName != family {
		return fmt.Errorf("the inventory lists %v", list)
	}
	s.proved("then its alert comes: success")
	s.proved("the inventory has %s, version %s, by %s", list[0].Name, list[0].Version, list[0].Publisher)
	return nil
}

func (s *story) keepsInventory(ctx context.Context) error {
	watched := []dmtree.URI{"./DevDetail/SwV", "./DevDetail/Ext/Microsoft/OSPlatform", "./DevDetail/Ext/Microsoft/TotalRAM"}
	for i := range 200 {
		watched = append(watched, node(i))
	}
	cache := &nodecache.Cache{Provider: providerID}
	sync := func() (changes []nodecache.Change, bytes int, err error) {
		before := s.sent()
		_, err = s.session(ctx, func(c *session.Conversation) error {
			changes, err = cache.Sync(c, watched...)
			return err
		})
		return changes, s.sent() - before, err
	}
	all, full, err := sync()
	if err != nil {
		return err
	}
	none, idle, err := sync()
	if err != nil {
		return err
	}
	s.device.numbers.Set(node(7), dmtree.Int(7000))
	s.device.numbers.Set(node(42), dmtree.Int(42000))
	two, delta, err := sync()
	if err != nil {
		return err
	}
	if err := errors.Join(want("nodes at first", len(all), len(watched)), want("nodes then", len(none), 0), want("nodes at last", len(two), 2)); err != nil {
		return err
	}
	var names []string
	for _, c := range two {
		names = append(names, fmt.Sprintf("%s %s → %s", c.URI.Name(), c.Old.Value, c.Value))
	}
	s.proved("the first time, all %d nodes: %d KB in both directions", len(all), full>>10)
	s.proved("nothing has changed: %d bytes", idle)
	s.proved("two have: %s, %d bytes", strings.Join(names, ", "), delta)
	return nil
}

func (s *story) isWiped(ctx context.Context) error {
	_, err := s.session(ctx, func(c *session.Conversation) error {
		r, err := c.Exec(wipe.Protected.URI(), dmtree.Null)
		if err != nil {
			return err
		}
		if len(s.device.wiped) != 0 {
			return errors.New("it was wiped before the session was over")
		}
		return wipe.Accepted(r)
	})
	if err != nil {
		return err
	}
	if err := want("wipes", fmt.Sprint(s.device.wiped), "[doWipeProtected]"); err != nil {
		return err
	}
	s.proved("doWipeProtected is accepted, and begins when the session is over")
	return nil
}

func (s *story) leaves(ctx context.Context) error {
	_, err := s.session(ctx, func(c *session.Conversation) error {
		_, err := c.Exec(dmtree.URI("./Device/Vendor/MSFT/DMClient/Provider").Join(providerID, "Unenroll"), dmtree.Null)
		return err
	})
	if err != nil {
		return err
	}
	if !s.server.left() {
		return errors.New("the device did not tell that it leaves")
	}
	s.proved("the server asks it to, and hears the alert of a device that leaves")
	if _, err := s.device.Account(ctx); !errors.Is(err, dmclient.ErrNotEnrolled) {
		return fmt.Errorf("the account is still there: %v", err)
	}
	files, err := s.device.files()
	if err != nil {
		return err
	}
	if err := errors.Join(want("files left", len(files), 0), want("the camera", s.device.enforced["AllowCamera"], "1")); err != nil {
		return err
	}
	s.proved("certificates, keys, apps and account are gone; the camera is on again")
	if _, err := s.device.Call(ctx, dmclient.ByUser); !errors.Is(err, dmclient.ErrNotEnrolled) {
		return fmt.Errorf("a call after leaving: %v", err)
	}
	s.proved("it does not call any more")
	return nil
}
