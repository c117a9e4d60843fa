// Package job is the room for work that outlives a request: durable jobs over a
// store, run once by whichever process has time, in the workspace that asked for
// them.
//
// A job is a record of its workspace. An API declares a [Kind] of jobs as it declares
// a [storage.Collection], and makes a job in the transaction of the request that asks
// for it ([Kind.Enqueue]). A [Room], one for each process, runs what is due.
//
// # Run once
//
// A worker that takes a job puts a random token into its record and holds it by a
// timer of the store ([storage.Tx]), its lease, which it sets anew while it works.
// That of a worker that is gone runs out, and another takes the job over, with a
// token of its own. A result counts only in a transaction that finds the worker's own
// token in the record: the work may be begun again, its effects ([Work.OnDone]) are
// there once. The timer follows one clock for all processes: that of the database or,
// where there is only one process, that of this one, which finds the leases of its
// predecessor run out.
//
// # States
//
// What is seen of a job follows one of three modes ([Plan]), which a kind has and a
// workspace can change. [Auto] shows what the work does. [Clock] shows the states for
// certain durations of the workspace's clock, and [Polls] until they were read so
// many times; both hold back what the work has come to, or, where a kind can tell
// what its jobs come to ([Kind.Outcome]), need no work at all. A state is computed
// when it is read: no process waits for it, and a clock that stands, a restart and a
// restored snapshot change nothing about it.
//
// A job keeps the plan that it was made with. Times for which a job waits, its own
// and those between attempts, are of the workspace's clock; leases are of the real
// one.
//
// # Snapshots
//
// A snapshot keeps jobs as they are and runs nothing. After it is brought back
// ([Rearm]) a job that had ended is as it was, with its result, and one that was not
// at its end begins anew, also if a worker had it when the snapshot was taken: what
// the worker makes of it no longer counts, nor does the work of those that were
// running when the snapshot was brought back, for neither has a token that is in a
// record.
package job
