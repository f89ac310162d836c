// Package story plays whole rollbacks with what they are made of in production:
// a PostgreSQL with a migration that can, or cannot, be taken back, an nginx
// before two sets of nodes, two releases of a service, a Prometheus and the built
// daemon. What counts is what the components say in the end: the schema, the
// release that answers, the maintenance page.
package story
