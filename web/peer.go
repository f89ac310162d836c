package web

import (
	"context"
	"fmt"
	"net"
	"os/user"
)

// nobody is the actor where nothing says who asks.
const nobody = "unknown"

// Peer is who is on the other end of a request. The zero value is somebody of
// whom nothing is known.
type Peer struct {
	// Name is the user's; "uid 1000" where the system has no name for the kernel's
	// number, and empty where nothing says who asks.
	Name string
	// Root is true for user ID 0 on the unix socket, whatever it is called. A user
	// of that name on TCP is a user like any other.
	Root bool
}

// String is the name for the record and for people.
func (p Peer) String() string {
	if p.Name == "" {
		return nobody
	}
	return p.Name
}

type peerKey struct{}

// WithPeer names the one on the other end of a connection.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// peerOf is who is on the other end; the zero Peer where that is not known.
func peerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// connContext asks the kernel once a connection who is on the other end.
func connContext(ctx context.Context, c net.Conn) context.Context {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, err := peerUID(conn)
	if err != nil {
		return ctx
	}
	return WithPeer(ctx, Peer{Name: userName(uid), Root: uid == 0})
}

func userName(uid uint32) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}
