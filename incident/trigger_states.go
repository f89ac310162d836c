package incident

import "github.com/rollbackd/rollbackd/trigger"

// TriggerStates visits the triggers of a service in their order, each with its
// state alone; it is false when the service is not configured. It costs a small
// part of Service, for those who look after every input.
func (b *Brain) TriggerStates(service string, visit func(name string, state trigger.State)) bool {
	if _, configured := b.opts.Services[service]; !configured {
		return false
	}
	watch := b.live[service].watch
	for _, spec := range watch.Triggers() {
		status, _ := watch.Status(spec.Name)
		visit(spec.Name, status.State)
	}
	return true
}
