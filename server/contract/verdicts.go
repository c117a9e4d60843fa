package contract

import (
	"hash/maphash"
	"sync"
)

// verdicts remembers which answers were judged and found right, so that an answer
// given again is not judged again. Judging a small answer costs 10 us, looking it
// up 0.3. Only an exact repetition counts: operation, status, media type and
// every byte of the body go into two independent 64-bit hashes.
//
// Two generations bound it: when the young one is full it becomes the old one.
type verdicts struct {
	mu         sync.RWMutex
	young, old map[verdict]struct{}
}

// verdict is the fingerprint of an answer.
type verdict struct {
	operation *Operation
	status    int
	a, b      uint64
}

// maxVerdicts bounds a generation. An entry takes some 60 bytes.
const maxVerdicts = 1 << 15

var seedA, seedB = maphash.MakeSeed(), maphash.MakeSeed()

func newVerdict(o *Operation, status int, mediaType string, body []byte) verdict {
	var a, b maphash.Hash
	a.SetSeed(seedA)
	b.SetSeed(seedB)
	for _, h := range []*maphash.Hash{&a, &b} {
		_, _ = h.WriteString(mediaType)
		_ = h.WriteByte(0)
		_, _ = h.Write(body)
	}
	return verdict{operation: o, status: status, a: a.Sum64(), b: b.Sum64()}
}

// right reports whether the answer was found right before.
func (s *verdicts) right(v verdict) bool {
	s.mu.RLock()
	_, young := s.young[v]
	_, old := s.old[v]
	s.mu.RUnlock()
	if old && !young {
		s.remember(v)
	}
	return young || old
}

// remember keeps that the answer was found right.
func (s *verdicts) remember(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= maxVerdicts || s.young == nil {
		s.young, s.old = make(map[verdict]struct{}), s.young
	}
	s.young[v] = struct{}{}
}
