//nolint:gosec // audited: addresses are those of arenas and of the engine's blocks in them
package script

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libquickjs"
	"modernc.org/quickjs"
)

// An arena is the memory of one engine: a range of addresses of its own, which is
// returned as a whole, and which can be closed while the engine runs. That is the
// only way to stop a loop within a native function: its next access to memory is a
// fault, which Go makes a panic of the goroutine that runs the engine.
//
// It holds its own administration: a head, then blocks, each after a header that
// tells its capacity. Freed blocks are kept by capacity.
type arena struct {
	memory  []byte
	closed  bool
	enlarge func() bool // asked once before more than small is used; nil for yes
}

type arenaHead struct {
	next, end uintptr
	granted   uintptr // how far it is used without asking
	free      [classes]uintptr
}

const (
	blockHeader = 16
	classes     = 64 + 4*40
	// kept is how much of an arena stays in memory when it waits for its next engine.
	kept = 4 << 20
	// small is how much of an arena every engine may use.
	small = 8 << 20
	// returned is the capacity from which a freed block's memory is given back.
	returned = 256 << 10
)

// class gives the number of the smallest capacity that holds size, and the capacity:
// steps of 16 bytes to 1 KiB, then four to each doubling.
func class(size uintptr) (int, uintptr) {
	if size <= 1024 {
		n := max(int(size+15)/16, 1)
		return n - 1, uintptr(n) * 16
	}
	number, capacity := 64, uintptr(1024)
	for {
		for i := uintptr(1); i <= 4; i++ {
			if c := capacity + capacity/4*i; size <= c {
				return number, c
			}
			number++
		}
		capacity *= 2
	}
}

func (a *arena) base() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(a.memory))) }

// reset makes all of the arena free.
func (a *arena) reset() {
	head := at[arenaHead](a.base())
	*head = arenaHead{end: a.base() + uintptr(len(a.memory)), granted: a.base() + uintptr(min(small, len(a.memory)))}
	head.next = (a.base() + unsafe.Sizeof(*head) + blockHeader + 15) &^ 15
}

// pageOffset is how far the next page is.
func pageOffset(memory []byte, page int) int {
	return -int(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))) & (page - 1)
}

// at is what lies at an address outside of Go's memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

func capacityOf(block uintptr) *uintptr { return at[uintptr](block - blockHeader) }

func (h *arenaHead) alloc(size uintptr) uintptr {
	number, capacity := class(size)
	if block := h.free[number]; block != 0 {
		h.free[number] = *at[uintptr](block)
		return block
	}
	block := h.next
	if !h.reaches(block + capacity) {
		return 0
	}
	h.next += capacity + blockHeader
	*capacityOf(block) = capacity
	return block
}

// reaches reports whether the arena may be used up to an address.
func (h *arenaHead) reaches(address uintptr) bool {
	if address <= h.granted {
		return true
	}
	if address > h.end {
		return false
	}
	base := uintptr(unsafe.Pointer(h))
	for _, a := range arenas() {
		if a.base() == base && a.enlarge != nil && !a.enlarge() {
			return false
		}
	}
	h.granted = h.end
	return true
}

func (h *arenaHead) release(block uintptr) {
	capacity := *capacityOf(block)
	if capacity >= returned {
		giveBack(unsafe.Slice(at[byte](block), capacity))
	}
	number, _ := class(capacity)
	*at[uintptr](block) = h.free[number]
	h.free[number] = block
}

// grow makes a block larger: in its place if it is the last one.
func (h *arenaHead) grow(block, size uintptr) uintptr {
	old := *capacityOf(block)
	if size <= old && size >= old/2 {
		return block
	}
	if block+old+blockHeader == h.next && size > old {
		if _, capacity := class(size); h.reaches(block + capacity) {
			h.next = block + capacity + blockHeader
			*capacityOf(block) = capacity
			return block
		}
	}
	moved := h.alloc(size)
	if moved == 0 {
		return 0
	}
	n := min(old, size)
	copy(unsafe.Slice(at[byte](moved), n), unsafe.Slice(at[byte](block), n))
	h.release(block)
	return moved
}

// The functions that engines allocate with, and those that they replace.
//
//go:linkname engineMalloc modernc.org/libquickjs._def_malloc_funcs
var engineMalloc libquickjs.TJSMallocFunctions

var standard libquickjs.TJSMallocFunctions

type (
	mallocFunc  = func(tls *libc.TLS, state uintptr, size libquickjs.Tsize_t) uintptr
	freeFunc    = func(tls *libc.TLS, state, block uintptr)
	reallocFunc = func(tls *libc.TLS, state, block uintptr, size libquickjs.Tsize_t) uintptr
	sizeFunc    = func(tls *libc.TLS, block uintptr) libquickjs.Tsize_t
)

// pointer is a function as the engine keeps it; function is the way back.
func pointer[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

var (
	theMalloc  mallocFunc  = arenaMalloc
	theFree    freeFunc    = arenaFree
	theRealloc reallocFunc = arenaRealloc
	theSize    sizeFunc    = arenaSize
)

// Engines that others make in this process find no arena and get what they always
// got.
func init() {
	standard = engineMalloc
	engineMalloc = libquickjs.TJSMallocFunctions{
		Fjs_malloc: pointer(&theMalloc), Fjs_free: pointer(&theFree),
		Fjs_realloc: pointer(&theRealloc), Fjs_malloc_usable_size: pointer(&theSize),
	}
}

var (
	// makingMu is held while an engine is made: the first block of an engine is how it
	// takes the arena that waits.
	makingMu sync.Mutex
	waiting  atomic.Uintptr

	arenaMu sync.Mutex
	spare   []*arena
	// spans are where arenas lie, in use or not.
	spans atomic.Pointer[[]*arena]
)

// arenas are all that there are.
func arenas() []*arena {
	if list := spans.Load(); list != nil {
		return *list
	}
	return nil
}

// newVM makes an engine and the arena that it lives in. There is no arena where the
// system has none to give.
func newVM(memory int) (*quickjs.VM, *arena, error) {
	a := takeArena(memory * 4)
	if a == nil {
		vm, err := quickjs.NewVM()
		return vm, nil, err
	}
	makingMu.Lock()
	waiting.Store(a.base())
	vm, err := quickjs.NewVM()
	taken := waiting.Swap(0) == 0
	makingMu.Unlock()
	switch {
	case err != nil:
		a.free()
		return nil, nil, err
	case a.holds(engineOf(vm)):
		return vm, a, nil
	case !taken:
		a.free()
	}
	return vm, nil, nil // an engine of somebody else took it
}

// engineOf is where an engine lies.
func engineOf(vm *quickjs.VM) uintptr {
	return uintptr(reflect.ValueOf(vm).Elem().FieldByName("runtime").Elem().FieldByName("cRuntime").Uint())
}

func (a *arena) holds(address uintptr) bool {
	return address-a.base() < uintptr(len(a.memory))
}

func takeArena(size int) *arena {
	arenaMu.Lock()
	defer arenaMu.Unlock()
	for i, a := range spare {
		if len(a.memory) == size {
			spare = append(spare[:i], spare[i+1:]...)
			return a
		}
	}
	memory := reserve(size)
	if memory == nil {
		return nil
	}
	a := &arena{memory: memory}
	a.reset()
	list := append([]*arena{a}, arenas()...)
	spans.Store(&list)
	return a
}

// free takes the arena back from an engine that is gone.
func (a *arena) free() {
	arenaMu.Lock()
	defer arenaMu.Unlock()
	a.enlarge = nil
	if !a.closed && len(spare) < 2*runtime.GOMAXPROCS(0) {
		if used := at[arenaHead](a.base()).next - a.base(); used > kept {
			giveBack(a.memory[kept:used])
		}
		a.reset()
		spare = append(spare, a)
		return
	}
	list := []*arena{}
	for _, other := range arenas() {
		if other != a {
			list = append(list, other)
		}
	}
	spans.Store(&list)
	unreserve(a.memory)
}

// close makes every further access to the arena a fault.
func (a *arena) close() {
	if protect(a.memory) {
		a.closed = true
	}
}

func arenaSize(tls *libc.TLS, block uintptr) libquickjs.Tsize_t {
	if block == 0 {
		return 0
	}
	for _, a := range arenas() {
		if a.holds(block) {
			return libquickjs.Tsize_t(*capacityOf(block))
		}
	}
	return function[sizeFunc](standard.Fjs_malloc_usable_size)(tls, block)
}

func arenaMalloc(tls *libc.TLS, state uintptr, size libquickjs.Tsize_t) uintptr {
	s := at[libquickjs.TJSMallocState](state)
	if s.Fopaque == 0 {
		if s.Fmalloc_count == 0 {
			s.Fopaque = waiting.Swap(0)
		}
		if s.Fopaque == 0 {
			return function[mallocFunc](standard.Fjs_malloc)(tls, state, size)
		}
	}
	if s.Fmalloc_size+size > s.Fmalloc_limit {
		return 0
	}
	block := at[arenaHead](s.Fopaque).alloc(uintptr(size))
	if block != 0 {
		s.Fmalloc_count++
		s.Fmalloc_size += libquickjs.Tsize_t(*capacityOf(block) + blockHeader)
	}
	return block
}

func arenaFree(tls *libc.TLS, state, block uintptr) {
	s := at[libquickjs.TJSMallocState](state)
	switch {
	case s.Fopaque == 0:
		function[freeFunc](standard.Fjs_free)(tls, state, block)
	case block != 0:
		s.Fmalloc_count--
		s.Fmalloc_size -= libquickjs.Tsize_t(*capacityOf(block) + blockHeader)
		at[arenaHead](s.Fopaque).release(block)
	}
}

func arenaRealloc(tls *libc.TLS, state, block uintptr, size libquickjs.Tsize_t) uintptr {
	s := at[libquickjs.TJSMallocState](state)
	switch {
	case s.Fopaque == 0:
		return function[reallocFunc](standard.Fjs_realloc)(tls, state, block, size)
	case block == 0 && size == 0:
		return 0
	case block == 0:
		return arenaMalloc(tls, state, size)
	case size == 0:
		arenaFree(tls, state, block)
		return 0
	}
	old := libquickjs.Tsize_t(*capacityOf(block))
	if size > old && s.Fmalloc_size+size-old > s.Fmalloc_limit {
		return 0
	}
	block = at[arenaHead](s.Fopaque).grow(block, uintptr(size))
	if block != 0 {
		s.Fmalloc_size += libquickjs.Tsize_t(*capacityOf(block)) - old
	}
	return block
}

// closeBroken closes an engine whose arena is closed: what it has outside of that.
func closeBroken(vm *quickjs.VM) {
	tls := (*libc.TLS)(reflect.ValueOf(vm).Elem().FieldByName("runtime").Elem().FieldByName("tls").UnsafePointer())
	defer tls.Close()
	defer func() { _ = recover() }() // at the engine's own memory, which comes last
	_ = vm.Close()
}
