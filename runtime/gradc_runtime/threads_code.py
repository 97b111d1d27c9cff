"""The thread pool as LLVM assembly: workers that wait for a job, and the call that shares a job's chunks with them.

One job runs at a time. Its owner, the thread that called ``gradc_parallel_for``, opens the *gate*, takes chunks until none
are left, closes the gate and waits for those inside. A worker enters only through the open gate, so that nobody waits
for a worker that is late, absent (after a fork) or has nothing left to take. Whoever finds the pool taken, a nested call
or another Python thread, runs its chunks alone.

Each thread in a job has a *slot*, 0 for the owner: by it a chunk finds memory that no other thread uses meanwhile. The
chunks are split evenly over the slots; a thread takes those of its own slot first, which are the same in the next call
and still in its cache, and then those that others have left. After a failure only chunks before it are run, and all of
those: the first failure in the order of the program is found, for any number of threads.

A worker spins a little after a job and then sleeps on a lock of its own; threads and locks are those of CPython
(``PyThread_*``), but no worker ever has a Python state: it runs machine code only, needs no GIL, and an interpreter that exits
or forks knows nothing of it. Chunks may use non-temporal stores: the locked instruction by which a thread leaves a job
orders these too.
"""

from __future__ import annotations

from string import Template

#: Threads of a job, its owner included.
MOST_THREADS = 1024
#: The CPython functions that the pool calls.
PYTHON_FUNCTIONS = (
    "PyThread_acquire_lock",
    "PyThread_allocate_lock",
    "PyThread_release_lock",
    "PyThread_start_new_thread",
)

#: Fields of the pool, by offset in bytes; what different threads write lies in different cache lines.
OFFSETS = {
    "busy": 0,  # i32: a job is running
    "threads": 4,  # i32: how many threads a job may use, its owner included
    "spins": 8,  # i64: turns of a waiting loop before its thread sleeps
    "started": 16,  # i32: workers that exist
    "owner_lock": 24,  # ptr: the owner sleeps on it
    "waiting": 32,  # i32: the owner sleeps, or is about to
    "gate": 64,  # i32: OPEN, plus the number of workers inside
    "taken": 128,  # i64: how many chunks have been taken
    "next": 136,  # i64: how many of the owner's own chunks have been asked for
    "task": 192,  # ptr: i32 task(ptr data, i64 chunk, i64 length, i64 slot)
    "data": 200,  # ptr
    "length": 208,  # i64
    "chunks": 216,  # i64
    "helpers": 224,  # i64: workers of smaller number may enter
    "failure": 256,  # i64: the first failed chunk << 32 | its status; -1 for none
}
_WORKERS = 320
_WORKER_BYTES = 64
#: A worker's state: the lock it sleeps on; whether it sleeps or is about to; how many of its own chunks have been asked for.
_PARKED, _NEXT = 8, 16
SIZE = _WORKERS + _WORKER_BYTES * (MOST_THREADS - 1)
_OPEN = 1 << 30
YIELD = "sched_yield"
_TURNS_TO_YIELD = 32

_PAUSES = {
    "x86": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}


def pool_text(triple: str, *, yields: bool) -> str:
    """The pool's module for a target; ``yields`` if there is POSIX's ``sched_yield`` to offer the core to other threads."""
    family = "x86" if triple.startswith(("x86_64", "i686")) else triple.partition("-")[0].replace("arm64", "aarch64")
    declaration, pause = _PAUSES.get(family, ("", ""))
    fields = {name: f"getelementptr (i8, ptr @gradc_pool, i64 {offset})" for name, offset in OFFSETS.items()}
    return Template(_TEXT).substitute(
        fields,
        size=SIZE,
        workers=_WORKERS,
        worker_bytes=_WORKER_BYTES,
        parked=_PARKED,
        first_next=_WORKERS + _NEXT,
        open=_OPEN,
        shut=~_OPEN,
        pause=pause,
        pause_declaration=declaration,
        yielding=_TURNS_TO_YIELD - 1,
        yield_declaration=f"declare i32 @{YIELD}()" if yields else "",
        **{"yield": f"%ok = call i32 @{YIELD}()" if yields else ""},
    )


_TEXT = """
@gradc_pool = global [$size x i8] zeroinitializer, align 64

declare i32 @PyThread_acquire_lock(ptr, i32)
declare ptr @PyThread_allocate_lock()
declare void @PyThread_release_lock(ptr)
declare i64 @PyThread_start_new_thread(ptr, ptr)
declare i64 @llvm.smin.i64(i64, i64)
$pause_declaration
$yield_declaration

; ------------------------------------------------------------ waiting

; One turn of a waiting loop. Now and then the core is offered to others: the thread that is waited for may need it.
define internal void @rest(i64 %turn) {
entry:
  $pause
  %place = and i64 %turn, $yielding
  %generous = icmp eq i64 %place, $yielding
  br i1 %generous, label %yield, label %done
yield:
  $yield
  br label %done
done:
  ret void
}

define void @gradc_spin(i64 %turns) {
entry:
  br label %turn
turn:
  %k = phi i64 [ 0, %entry ], [ %k1, %turn ]
  call void @rest(i64 %k)
  %seen = load atomic i32, ptr $gate monotonic, align 4
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %turns
  br i1 %more, label %turn, label %done
done:
  ret void
}

; Sleep on a lock that is taken, unless what is awaited happened since the flag was raised: whoever lowers the flag
; releases the lock, once, and then it must be taken again.
define internal void @sleep(ptr %lock) {
  %ok = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  ret void
}

define internal void @wake(ptr %flag, ptr %lock) {
entry:
  %raised = load atomic i32, ptr %flag seq_cst, align 4
  %sleeps = icmp ne i32 %raised, 0
  br i1 %sleeps, label %lower, label %done
lower:
  %was = atomicrmw xchg ptr %flag, i32 0 seq_cst
  %ours = icmp ne i32 %was, 0
  br i1 %ours, label %release, label %done
release:
  call void @PyThread_release_lock(ptr %lock)
  br label %done
done:
  ret void
}

; ------------------------------------------------------------ chunks

; Take chunks until none are left: first those of the thread's own slot, then those of the slots after it.
define internal void @take(i64 %slot) {
entry:
  %task = load ptr, ptr $task, align 8
  %data = load ptr, ptr $data, align 8
  %length = load i64, ptr $length, align 8
  %chunks = load atomic i64, ptr $chunks monotonic, align 8
  %helpers = load atomic i64, ptr $helpers monotonic, align 8
  %slots = add i64 %helpers, 1
  br label %range
range:
  %k = phi i64 [ 0, %entry ], [ %k1, %past ]
  %whose.far = add i64 %slot, %k
  %whose = urem i64 %whose.far, %slots
  %counter = call ptr @counter(i64 %whose)
  %first.all = mul i64 %whose, %chunks
  %first = udiv i64 %first.all, %slots
  %last.all = add i64 %first.all, %chunks
  %last = udiv i64 %last.all, %slots
  br label %turn
turn:
  %asked = atomicrmw add ptr %counter, i64 1 monotonic
  %chunk = add i64 %first, %asked
  %some = icmp slt i64 %chunk, %last
  br i1 %some, label %have, label %past
have:
  %before = atomicrmw add ptr $taken, i64 1 monotonic
  %failure = load atomic i64, ptr $failure monotonic, align 8
  %failed.chunk = lshr i64 %failure, 32
  %matters = icmp ult i64 %chunk, %failed.chunk
  br i1 %matters, label %run, label %turn
run:
  %status = call i32 %task(ptr %data, i64 %chunk, i64 %length, i64 %slot)
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %fail, label %turn
fail:
  %high = shl i64 %chunk, 32
  %low = zext i32 %status to i64
  %key = or i64 %high, %low
  %known = atomicrmw umin ptr $failure, i64 %key monotonic
  br label %turn
past:
  %k1 = add i64 %k, 1
  %others = icmp slt i64 %k1, %slots
  br i1 %others, label %range, label %done
done:
  ret void
}

; How many chunks of a slot have been asked for.
define internal ptr @counter(i64 %slot) {
  %number = add i64 %slot, -1
  %offset = mul i64 %number, $worker_bytes
  %place = getelementptr i8, ptr getelementptr (i8, ptr @gradc_pool, i64 $first_next), i64 %offset
  %is.owner = icmp eq i64 %slot, 0
  %counter = select i1 %is.owner, ptr $next, ptr %place
  ret ptr %counter
}

define internal i64 @alone(ptr %task, ptr %data, i64 %chunks, i64 %length) {
entry:
  br label %turn
turn:
  %chunk = phi i64 [ 0, %entry ], [ %following, %run ]
  %some = icmp slt i64 %chunk, %chunks
  br i1 %some, label %run, label %done
run:
  %status = call i32 %task(ptr %data, i64 %chunk, i64 %length, i64 0)
  %failed = icmp ne i32 %status, 0
  %following = add i64 %chunk, 1
  br i1 %failed, label %fail, label %turn
fail:
  %high = shl i64 %chunk, 32
  %low = zext i32 %status to i64
  %key = or i64 %high, %low
  ret i64 %key
done:
  ret i64 0
}

; ------------------------------------------------------------ workers

define internal void @worker(ptr %where) {
entry:
  %flag = getelementptr i8, ptr %where, i64 $parked
  %lock = load ptr, ptr %where, align 8
  %base = ptrtoint ptr getelementptr (i8, ptr @gradc_pool, i64 $workers) to i64
  %own = ptrtoint ptr %where to i64
  %distance = sub i64 %own, %base
  %number = udiv i64 %distance, $worker_bytes
  %slot = add i64 %number, 1
  br label %begin
begin:
  %limit = load atomic i64, ptr $spins monotonic, align 8
  br label %look
look:
  %k = phi i64 [ 0, %begin ], [ %k1, %again ]
  %job = call i1 @enter(i64 %number)
  br i1 %job, label %work, label %idle
work:
  %twice = mul i64 %slot, 2
  call void @wake_two(i64 %twice)
  call void @take(i64 %slot)
  call void @leave()
  br label %begin
idle:
  %k1 = add i64 %k, 1
  %patient = icmp slt i64 %k1, %limit
  br i1 %patient, label %again, label %park
again:
  call void @rest(i64 %k1)
  br label %look
park:
  store atomic i32 1, ptr %flag seq_cst, align 4
  %late = call i1 @enter(i64 %number)
  br i1 %late, label %cancel, label %rest
cancel:
  %was = atomicrmw xchg ptr %flag, i32 0 seq_cst
  %ours = icmp ne i32 %was, 0
  br i1 %ours, label %work, label %drain
drain:
  call void @sleep(ptr %lock)
  br label %work
rest:
  call void @sleep(ptr %lock)
  br label %begin
}

; Enter the job, if there is one with something left to do for this worker. What was read before entering may have been of
; an earlier job.
define internal i1 @enter(i64 %number) {
entry:
  %gate = load atomic i32, ptr $gate seq_cst, align 4
  %bit = and i32 %gate, $open
  %open = icmp ne i32 %bit, 0
  br i1 %open, label %ask, label %no
ask:
  %helpers = load atomic i64, ptr $helpers monotonic, align 8
  %wanted = icmp slt i64 %number, %helpers
  %taken = load atomic i64, ptr $taken monotonic, align 8
  %chunks = load atomic i64, ptr $chunks monotonic, align 8
  %left = icmp slt i64 %taken, %chunks
  %useful = and i1 %wanted, %left
  br i1 %useful, label %try, label %no
try:
  %inside = add i32 %gate, 1
  %pair = cmpxchg ptr $gate, i32 %gate, i32 %inside seq_cst seq_cst
  %entered = extractvalue { i32, i1 } %pair, 1
  br i1 %entered, label %check, label %no
check:
  %helpers.now = load atomic i64, ptr $helpers monotonic, align 8
  %welcome = icmp slt i64 %number, %helpers.now
  br i1 %welcome, label %yes, label %out
out:
  call void @leave()
  ret i1 false
yes:
  ret i1 true
no:
  ret i1 false
}

; Wake two workers, if the job has use for them. Each wakes two others: the owner need not wait for many.
define internal void @wake_two(i64 %first) {
entry:
  %helpers = load atomic i64, ptr $helpers monotonic, align 8
  %beyond = add i64 %first, 2
  %last = call i64 @llvm.smin.i64(i64 %beyond, i64 %helpers)
  br label %turn
turn:
  %number = phi i64 [ %first, %entry ], [ %following, %one ]
  %some = icmp slt i64 %number, %last
  br i1 %some, label %one, label %done
one:
  %offset = mul i64 %number, $worker_bytes
  %where = getelementptr i8, ptr getelementptr (i8, ptr @gradc_pool, i64 $workers), i64 %offset
  %flag = getelementptr i8, ptr %where, i64 $parked
  %lock = load ptr, ptr %where, align 8
  call void @wake(ptr %flag, ptr %lock)
  %following = add i64 %number, 1
  br label %turn
done:
  ret void
}

; The last to leave a closed job wakes its owner.
define internal void @leave() {
entry:
  %before = atomicrmw sub ptr $gate, i32 1 seq_cst
  %last = icmp eq i32 %before, 1
  br i1 %last, label %tell, label %done
tell:
  %lock = load ptr, ptr $owner_lock, align 8
  call void @wake(ptr $waiting, ptr %lock)
  br label %done
done:
  ret void
}

; Make workers until there are as many as wanted; how many there are.
define internal i64 @recruit(i64 %wanted) noinline {
entry:
  %known = load ptr, ptr $owner_lock, align 8
  %first = icmp eq ptr %known, null
  br i1 %first, label %owner, label %turn
owner:
  %lock0 = call ptr @new_lock()
  store ptr %lock0, ptr $owner_lock, align 8
  %none = icmp eq ptr %lock0, null
  br i1 %none, label %stop, label %turn
turn:
  %count32 = load i32, ptr $started, align 4
  %count = zext i32 %count32 to i64
  %fewer = icmp slt i64 %count, %wanted
  br i1 %fewer, label %more, label %stop
more:
  %lock = call ptr @new_lock()
  %missing = icmp eq ptr %lock, null
  br i1 %missing, label %stop, label %start
start:
  %offset = mul i64 %count, $worker_bytes
  %where = getelementptr i8, ptr getelementptr (i8, ptr @gradc_pool, i64 $workers), i64 %offset
  store ptr %lock, ptr %where, align 8
  %thread = call i64 @PyThread_start_new_thread(ptr @worker, ptr %where)
  %low = trunc i64 %thread to i32
  %refused = icmp eq i32 %low, -1
  br i1 %refused, label %stop, label %count.it
count.it:
  %now = add i32 %count32, 1
  store i32 %now, ptr $started, align 4
  br label %turn
stop:
  %there32 = load i32, ptr $started, align 4
  %there = zext i32 %there32 to i64
  ret i64 %there
}

define internal ptr @new_lock() {
entry:
  %lock = call ptr @PyThread_allocate_lock()
  %none = icmp eq ptr %lock, null
  br i1 %none, label %done, label %take
take:
  %ok = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %done
done:
  ret ptr %lock
}

; ------------------------------------------------------------ the call

; Run task(data, chunk, length, slot) for all chunks, with slots < most; 0, or the first failed chunk << 32 | its status.
define i64 @gradc_parallel_for(ptr %task, ptr %data, i64 %chunks, i64 %length, i64 %most) {
entry:
  %threads32 = load atomic i32, ptr $threads monotonic, align 4
  %threads = sext i32 %threads32 to i64
  %fitting = call i64 @llvm.smin.i64(i64 %threads, i64 %most)
  %smaller = call i64 @llvm.smin.i64(i64 %fitting, i64 %chunks)
  %several = icmp sgt i64 %smaller, 1
  br i1 %several, label %ask, label %single
single:
  %status1 = call i64 @alone(ptr %task, ptr %data, i64 %chunks, i64 %length)
  ret i64 %status1
ask:
  %taken = atomicrmw xchg ptr $busy, i32 1 acquire
  %free = icmp eq i32 %taken, 0
  br i1 %free, label %own, label %single
own:
  %wanted = add i64 %smaller, -1
  %started32 = load i32, ptr $started, align 4
  %started = zext i32 %started32 to i64
  %short = icmp slt i64 %started, %wanted
  br i1 %short, label %hire, label %open
hire:
  %hired = call i64 @recruit(i64 %wanted)
  br label %open
open:
  %there = phi i64 [ %started, %own ], [ %hired, %hire ]
  %helpers = call i64 @llvm.smin.i64(i64 %there, i64 %wanted)
  store ptr %task, ptr $task, align 8
  store ptr %data, ptr $data, align 8
  store i64 %length, ptr $length, align 8
  store atomic i64 %chunks, ptr $chunks monotonic, align 8
  store atomic i64 %helpers, ptr $helpers monotonic, align 8
  store atomic i64 0, ptr $taken monotonic, align 8
  store atomic i64 -1, ptr $failure monotonic, align 8
  br label %setting
setting:
  %s = phi i64 [ 0, %open ], [ %s1, %setting ]
  %counter = call ptr @counter(i64 %s)
  store atomic i64 0, ptr %counter monotonic, align 8
  %s1 = add i64 %s, 1
  %unset = icmp sle i64 %s1, %helpers
  br i1 %unset, label %setting, label %ready
ready:
  store atomic i32 $open, ptr $gate seq_cst, align 4
  call void @wake_two(i64 0)
  call void @take(i64 0)
  %before = atomicrmw and ptr $gate, i32 $shut seq_cst
  %empty = icmp eq i32 %before, $open
  br i1 %empty, label %over, label %wait
wait:
  %limit = load atomic i64, ptr $spins monotonic, align 8
  br label %look
look:
  %k = phi i64 [ 0, %wait ], [ %k1, %again ]
  %inside = load atomic i32, ptr $gate acquire, align 4
  %left = icmp eq i32 %inside, 0
  br i1 %left, label %over, label %patience
patience:
  %k1 = add i64 %k, 1
  %patient = icmp slt i64 %k1, %limit
  br i1 %patient, label %again, label %park
again:
  call void @rest(i64 %k1)
  br label %look
park:
  %owner = load ptr, ptr $owner_lock, align 8
  store atomic i32 1, ptr $waiting seq_cst, align 4
  %still = load atomic i32, ptr $gate seq_cst, align 4
  %late = icmp eq i32 %still, 0
  br i1 %late, label %cancel, label %rest
cancel:
  %was = atomicrmw xchg ptr $waiting, i32 0 seq_cst
  %ours = icmp ne i32 %was, 0
  br i1 %ours, label %over, label %rest
rest: ; perhaps woken by the last worker of an earlier job
  call void @sleep(ptr %owner)
  br label %wait
over:
  %failure = load atomic i64, ptr $failure monotonic, align 8
  store atomic i32 0, ptr $busy release, align 4
  %fine = icmp eq i64 %failure, -1
  %status = select i1 %fine, i64 0, i64 %failure
  ret i64 %status
}
"""
