// Package enroll is Windows MDM enrollment (MS-MDE2): how a device gets its certificate, and the account and schedule of
// its management server. It has both ends: [Server] for those who manage devices, [Client] for those who write agents.
// It ends where management sessions begin; those are package session.
//
// # What happens
//
// A user types an e-mail address into Settings, and the device makes four kinds of requests, all over HTTPS:
//
//  1. Discovery. GET, then POST to https://EnterpriseEnrollment.<domain>/EnrollmentServer/Discovery.svc: which server
//     enrolls me, and by what proof? The answer chooses a policy, [PolicyOnPremise] (user name and password),
//     [PolicyFederated] (a token from a web page) or [PolicyCertificate] (a certificate of a provisioning package), and
//     names the addresses of the other steps.
//  2. Sign-in, for Federated only: a web view opens the server's sign-in page, which hands back a token.
//  3. Certificate policy (MS-XCEP): what kind of key shall I make, and how sign with it?
//  4. Certificate (MS-WSTEP): the device proves its user by the password or token, sends a certificate request, says what
//     it is, and gets a provisioning document: its certificate, the root to trust, the account of the management server, and
//     when to call. Weeks before the certificate ends it comes back for another, proving itself with the old one.
//
// # What a deployment must serve
//
//	EnterpriseEnrollment.<domain>             DNS: the host, or a CNAME to it, for each e-mail domain
//	GET, POST /EnrollmentServer/Discovery.svc Server, on that host
//	POST      /EnrollmentServer/Policy.svc    Server, on the host of Server.BaseURL
//	POST      /EnrollmentServer/Enrollment.svc Server, on the same host as the policy service
//	GET       the sign-in page                your own, at Server.AuthURL, for Federated
//
// All on port 443, with server certificates that devices trust before they are enrolled and that carry the names above.
// For renewals the listener must ask for client certificates without demanding them (tls.RequestClientCert); behind a
// proxy that ends TLS, set Server.PeerCertificate. Set the timeouts of http.Server as for any handler that strangers
// reach. The paths are those of [DiscoveryPath], [PolicyPath] and [IssuePath].
//
// A device that cannot be found by DNS is told the address: in Settings, in a provisioning package, or by a link such as
// ms-device-enrollment:?mode=mdm&username=pat@example.com&servername=https://mdm.example.com/EnrollmentServer/Discovery.svc.
//
// # A server
//
// What is not set is not offered: a policy without validator is neither announced nor accepted, and without
// Server.Renewal no device is told to renew. A [Server] keeps nothing between requests.
//
//	ca, err := enroll.ParseCA(file) // made once by NewCA, stored by MarshalPEM
//	…
//	http.Handle("/EnrollmentServer/", &enroll.Server{
//		BaseURL:   "https://mdm.example.com",
//		OnPremise: &enroll.Passwords{Lookup: users.Lookup},
//		Issuer:    ca,
//		Provision: func(ctx context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
//			p := enroll.NewProvisioning(r, "Example", "https://mdm.example.com/dm")
//			return p, devices.Record(ctx, r, p) // who, which certificate, which secrets
//		},
//	})
//
// Provision is where a deployment learns of a device. Keep the certificate's serial number or thumbprint, the DeviceID
// and the secrets and nonces of both accounts: management sessions are authenticated by them.
//
// Only the user is proved, by the token. The DeviceID and the hardware id (Identity.Hardware) are what the device says of
// itself, and the DeviceID becomes the name in its certificate: refuse one that your records have as another user's
// device, or a user could take over a colleague's. An error of Provision keeps the certificate on the server. Windows
// chooses the DeviceID anew when it is installed again, and keeps the hardware id, which is thus a hint that an old
// record of the same user is over.
//
// # Tokens
//
// [Passwords], [Tickets], [Entra] and [SigningCertificates] validate what the three policies bring; anything with a method
// ValidateToken can take their place. A sign-in page of one's own asks [Tickets.New] for a ticket when it knows the user,
// and hands it over with [WriteToken]. Devices that are joined to Entra bring its token (Token.ValueType is
// [TokenTypeJWT] then) and skip discovery's sign-in page.
//
// A device presents its token twice, for the policy and for the certificate. Only the second spends it (Token.Spend).
//
// # A client
//
//	c := &enroll.Client{Device: enroll.Device{ID: id}}
//	e, err := c.Enroll(ctx, "pat@example.com", enroll.Password(password))
//
// What comes back, [Enrolled], is what a session.Client needs: e.ServerURL is where to call, e.Certificate who calls,
// e.Device and e.Server are the accounts, and e.Poll says when. [Enrolled.MarshalPEM] is what to keep of it.
// [Client.Renew] trades the certificate for a new one; the time for that is [Enrolled.RenewAt].
//
// # Errors
//
// A device that is refused shows a number such as 0x80180013. Here the number is a [Code], and an error: a hook of the
// server returns one to refuse, and errors.Is finds it on the client. A [Fault] adds a reason for the user and the trace
// id that both the server's log and the device's have. Whatever else a hook returns is logged, and the device is told no
// more than that the server failed.
//
// # What is not here
//
// Unenrollment and everything after it is a matter of management sessions. A device can be enrolled with one server at
// a time; it is the agent who knows whether it is, and refuses with [CodeAlreadyEnrolled]. Terms-of-use pages and the
// registration with Entra are web pages and come before all this.
package enroll
