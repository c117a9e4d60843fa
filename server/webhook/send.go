package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// timeout is how long a receiver may take.
const timeout = 10 * time.Second

// Sender sends deliveries.
type Sender struct {
	store  storage.Store
	client *http.Client
}

// NewSender makes a sender for the hooks of a store. It sends to addresses of this
// machine, with outgoing to public ones too, and with local to those of private networks
// as well, whatever their names are.
func NewSender(store storage.Store, outgoing, local bool) *Sender {
	// The address is looked at when it is dialled: a name may lead anywhere.
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return errNotAllowed
		}
		if ip := to.Addr(); !ip.Unmap().IsLoopback() && !local && (!outgoing || !Public(ip)) {
			return errNotAllowed
		}
		return nil
	}}
	return &Sender{store: store, client: &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// notPublic are the networks that lead to no public machine though they look like it (the
// registries of RFC 6890): those between a provider and its customers, such as those with
// the credentials of a cloud, those of protocols and of benchmarks, those that are reserved,
// and those of IPv6 that lead on to any address of IPv4.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("168.63.129.16/32"), // the host of a machine in Azure, which hands out what the machine may know
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Public reports whether an address is one of the internet: none of this machine, of a
// network of its own, or that leads on to one.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}

var errNotAllowed = errors.New("the address is not one of this machine, and no other is allowed (--allow-outgoing, --allow-outgoing-local)")

// Jobs are the jobs that send.
func (s *Sender) Jobs() []job.Handler { return []job.Handler{{Kind: Deliver, Run: s.run}} }

// run sends a delivery once, and keeps what became of it.
func (s *Sender) run(ctx context.Context, w *job.Work) (any, error) {
	var h Hook
	var d storage.Item[Delivery]
	var at time.Time
	if err := s.store.View(ctx, w.Workspace, func(tx storage.ReadTx) (err error) {
		if d, err = deliveries.Get(tx, w.Job.ID); err != nil {
			return err
		}
		at = tx.Now()
		h, err = Get(tx, d.Value.Hook)
		return err
	}); storage.IsNotFound(err) {
		return nil, &job.Failure{Code: "gone", Message: "The webhook is gone", Permanent: true}
	} else if err != nil {
		return nil, err
	}
	if h.Off && d.Value.Of == "" { // switched off meanwhile
		return nil, &job.Failure{Code: "inactive", Message: "The webhook is not active", Permanent: true}
	}
	status, sent := s.send(ctx, &h, d.ID, at, &d.Value)
	if sent != nil && ctx.Err() != nil { // it says nothing of the receiver
		return nil, context.Cause(ctx)
	}
	a := Attempt{At: at, Status: status}
	if sent != nil {
		a.Error = sent.Error()
	}
	if err := w.Update(func(tx storage.Tx) error {
		_, err := deliveries.Update(tx, d.ID, func(d *Delivery) error {
			d.Attempts = append(d.Attempts, a)
			return nil
		})
		return err
	}); err != nil && !storage.IsNotFound(err) {
		return nil, err
	}
	switch {
	case sent != nil:
		return nil, &job.Failure{Code: "unreachable", Message: sent.Error(), Permanent: errors.Is(sent, errNotAllowed)}
	case status < 200 || status > 299:
		return nil, &job.Failure{Code: "refused", Message: "The receiver answered " + strconv.Itoa(status)}
	}
	return nil, nil
}

// send sends a delivery and gives the status of the answer. Its error holds no part of
// the address, which may be a secret.
func (s *Sender) send(ctx context.Context, h *Hook, id string, at time.Time, d *Delivery) (int, error) {
	if d.Of != "" {
		id = d.Of // which it repeats: the receiver may know it
	}
	body, contentType, err := bodyOf(h.Form, d.Payload)
	if err != nil {
		return 0, err
	}
	signature, err := Sign(h.Secret, id, at, body)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the address cannot be asked")
	}
	for name, value := range map[string]string{
		"Content-Type": contentType, "User-Agent": "understudy-webhook", "Webhook-Id": id,
		"Webhook-Timestamp": strconv.FormatInt(at.Unix(), 10), "Webhook-Signature": signature,
	} {
		r.Header.Set(name, value)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, told(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10) // what it says is nobody's business
	return answer.StatusCode, nil
}

// told is why a receiver gave no answer, without its address.
func told(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		switch {
		case errors.Is(e, errNotAllowed):
			return errNotAllowed
		case e.Timeout():
			return errors.New("the receiver took too long")
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New("nobody listens at the address")
	}
	return errors.New("the receiver could not be reached, or broke off")
}

// bodyOf is the body of a delivery in a form.
func bodyOf(form Form, payload []byte) (body []byte, contentType string, err error) {
	contentType = "application/json"
	switch form {
	case GitHub:
		body, err = json.Marshal(map[string]any{"ref": "main", "inputs": map[string]string{"payload": string(payload)}})
	case GitLab:
		fields := url.Values{"ref": {"main"}, "variables[GRL_PAYLOAD]": {string(payload)}}
		return []byte(fields.Encode()), "application/x-www-form-urlencoded", nil
	case Azure:
		body, err = json.Marshal(map[string]any{"variables": map[string]any{"GRL_PAYLOAD": map[string]string{"value": string(payload)}}})
	case "", Plain:
		return payload, contentType, nil
	default:
		return nil, "", fmt.Errorf("webhook: no form %q", form)
	}
	return body, contentType, err
}
