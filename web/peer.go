package web

import (
	"context"
	"fmt"
	"net"
	"os/user"
)

// nobody is the actor where nothing says who asks.
const nobody = "unknown"

type actorKey struct{}

// Actor is who is on the other end of a request's connection: a user's name, or
// "uid 1000" where the name is not known.
func Actor(ctx context.Context) string {
	if name, ok := ctx.Value(actorKey{}).(string); ok {
		return name
	}
	return nobody
}

// WithActor names the one on the other end.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
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
	return WithActor(ctx, userName(uid))
}

func userName(uid uint32) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}
