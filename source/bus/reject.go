package bus

// The reasons for refusing an event. They are metric labels, parts of dead
// letter subjects and what producers search for; they stay as they are.
const (
	reasonTooLarge         = "too_large"
	reasonBadUTF8          = "bad_utf8"
	reasonMalformed        = "malformed"
	reasonTooDeep          = "too_deep"
	reasonDuplicateKey     = "duplicate_key"
	reasonUnsupported      = "unsupported_format"
	reasonBadSubject       = "bad_subject"
	reasonUnknownService   = "unknown_service"
	reasonMissingService   = "missing_service"
	reasonServiceMismatch  = "service_mismatch"
	reasonMissingInstance  = "missing_instance"
	reasonInstanceMismatch = "instance_mismatch"
	reasonMissingStatus    = "missing_status"
	reasonUnknownStatus    = "unknown_status"
	reasonMissingVersion   = "missing_version"
	reasonMissingName      = "missing_name"
	reasonUnknownSignal    = "unknown_signal"
	reasonUnknownSeverity  = "unknown_severity"
	reasonBadType          = "bad_type"
	reasonBadNumber        = "bad_number"
	reasonBadID            = "bad_id"
	reasonBadTime          = "bad_time"
	reasonBadTTL           = "bad_ttl"
	reasonTooManyChecks    = "too_many_checks"
	reasonFuture           = "future"
	reasonTooOld           = "too_old"
	reasonStale            = "stale"
	reasonRepeated         = "repeated"
	reasonTooManyInstances = "too_many_instances"
)

// RejectedError is why an event was refused.
type RejectedError struct {
	// Reason is a short stable word, such as "unknown_status".
	Reason string
	// Detail is for people.
	Detail string
}

// Error is error's.
func (r *RejectedError) Error() string {
	if r.Detail == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Detail
}

func reject(reason, detail string) error { return &RejectedError{Reason: reason, Detail: detail} }
