package abuse_test

import "testing"

// The measurements measure something, and a neighbour of nobody is not disturbed.
func TestStoreAbuseMeasures(t *testing.T) {
	s := start(t)
	descriptors, disk := s.descriptors(), s.disk()
	conn := s.dial()
	s.until("a connection is a descriptor", func() bool { return s.descriptors() > descriptors })
	_ = conn.Close()
	spent := s.costs(func() {
		s.neighbour(1, func(int) { s.want(200, "GET", "/api/projects", "the-attacker", "") })
	})
	if spent <= 0 || s.resident() < mebibyte || s.peak() < s.resident()/2 || s.disk() <= disk {
		t.Errorf("spent %v, resident %d, peak %d, disk %d", spent, s.resident(), s.peak(), s.disk())
	}
	s.resetPeak()
	if took, err := s.stop(); err != nil {
		t.Errorf("it ends with %v after %v: %s", err, took, s.log.String())
	}
}
