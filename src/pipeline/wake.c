/*
 * wake.c - new batches wake the workers
 *
 * A statement trigger notes that a transaction appended batches, and its commit sets the workers' latches: within
 * microseconds, without polling and without NOTIFY's lock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "openreplay.h"
#include "pipeline/wake.h"

typedef struct WakeMemory
{
	Latch *latches[OPENREPLAY_MAX_WORKERS]; /* NULL: no worker in this slot */
} WakeMemory;

static WakeMemory *wake_memory;
static LWLock *wake_lock;
static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;
static bool batches_appended;
static int my_slot = -1;

PG_FUNCTION_INFO_V1(openreplay_wake_workers);

static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WakeMemory)));
	RequestNamedLWLockTranche("openreplay", 1);
}

static void
attach_memory(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	wake_memory = ShmemInitStruct("openreplay", sizeof(WakeMemory), &found);
	if (!found)
		memset(wake_memory, 0, sizeof(WakeMemory));
	wake_lock = &GetNamedLWLockTranche("openreplay")->lock;
	LWLockRelease(AddinShmemInitLock);
}

void
request_wake_memory(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

static void
leave(int code, Datum arg)
{
	LWLockAcquire(wake_lock, LW_EXCLUSIVE);
	if (wake_memory->latches[my_slot] == &MyProc->procLatch)
		wake_memory->latches[my_slot] = NULL;
	LWLockRelease(wake_lock);
}

void
enroll_worker(int slot)
{
	my_slot = slot;
	LWLockAcquire(wake_lock, LW_EXCLUSIVE);
	wake_memory->latches[slot] = &MyProc->procLatch;
	LWLockRelease(wake_lock);
	before_shmem_exit(leave, (Datum) 0);
}

static void
wake_at_commit(XactEvent event, void *arg)
{
	if (!batches_appended)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		LWLockAcquire(wake_lock, LW_SHARED);
		for (int i = 0; i < OPENREPLAY_MAX_WORKERS; i++)
			if (wake_memory->latches[i] != NULL)
				SetLatch(wake_memory->latches[i]);
		LWLockRelease(wake_lock);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		batches_appended = false;
}

Datum
openreplay_wake_workers(PG_FUNCTION_ARGS)
{
	static bool registered;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("openreplay.wake_workers() is a trigger function"));
	/* without shared_preload_libraries there is nobody to wake */
	if (wake_memory != NULL)
	{
		if (!registered)
		{
			RegisterXactCallback(wake_at_commit, NULL);
			registered = true;
		}
		batches_appended = true;
	}
	return PointerGetDatum(NULL);
}
