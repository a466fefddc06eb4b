/*
 * processes.c - CPU seconds that named processes and their children used while a bench ran
 *
 * Ended children count too: the kernel adds them to their parent when it collects them.  Children are listed by the
 * title they give themselves, which tells PostgreSQL's writer from its backends.
 */
#include "replay.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_WATCHED 16
#define MAX_MEMBERS 512
#define MAX_TITLE 48

typedef struct Member
{
	int pid;
	double seconds;
	char title[MAX_TITLE];
} Member;

typedef struct Watched
{
	char name[32];
	int pid;
	double total; /* at the start */
	Member members[MAX_MEMBERS];
	int nmembers;
} Watched;

struct Processes
{
	Watched items[MAX_WATCHED];
	int count;
	double machine; /* busy seconds of all cores, at the start */
	double own;
};

static double
machine_seconds(void)
{
	FILE *file = fopen("/proc/stat", "r");
	double user = 0;
	double nice = 0;
	double system = 0;
	double irq = 0;
	double softirq = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "cpu %lf %lf %lf %*f %*f %lf %lf", &user, &nice, &system, &irq, &softirq) != 5)
		user = 0;
	fclose(file);
	return (user + nice + system + irq + softirq) / (double) sysconf(_SC_CLK_TCK);
}

static double
own_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* False when there is no such process.  reaped: of children that have ended. */
static bool
read_stat(int pid, int *parent, double *seconds, double *reaped)
{
	char path[64];
	char *after_name;
	size_t len;
	unsigned long user;
	unsigned long system;
	long child_user;
	long child_system;
	double ticks = (double) sysconf(_SC_CLK_TCK);
	char line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	len = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[len] = '\0';
	after_name = strrchr(line, ')');
	if (after_name && sscanf(after_name + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", parent,
							 &user, &system, &child_user, &child_system) == 5)
	{
		*seconds = (double) (user + system) / ticks;
		*reaped = (double) (child_user + child_system) / ticks;
		return true;
	}
	return false;
}

/* The title up to what differs between processes of one kind: addresses, numbers, states. */
static void
read_title(int pid, char *title)
{
	char path[64];
	FILE *file;
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "r");
	if (file)
	{
		len = fread(title, 1, MAX_TITLE - 1, file);
		fclose(file);
	}
	title[len] = '\0';
	len = strcspn(title, "[(0123456789");
	while (len > 0 && title[len - 1] == ' ')
		len--;
	title[len] = '\0';
}

static void
add_member(Watched *watched, int pid, double seconds)
{
	Member *member;

	if (watched->nmembers == MAX_MEMBERS)
		return;
	member = &watched->members[watched->nmembers++];
	member->pid = pid;
	member->seconds = seconds;
	read_title(pid, member->title);
}

/* The process itself and its direct children: neither PostgreSQL nor the ingest server has grandchildren. */
static double
measure(Watched *watched)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	double total = 0;

	watched->nmembers = 0;
	while (proc && (entry = readdir(proc)) != NULL)
	{
		int pid = (int) strtol(entry->d_name, NULL, 10);
		int parent;
		double seconds;
		double reaped;

		if (pid <= 0 || !read_stat(pid, &parent, &seconds, &reaped) || (pid != watched->pid && parent != watched->pid))
			continue;
		total += seconds + (pid == watched->pid ? reaped : 0);
		add_member(watched, pid, seconds);
	}
	if (proc)
		closedir(proc);
	return total;
}

Processes *
watch_processes(const char *list)
{
	Processes *processes = need(calloc(1, sizeof(Processes)));
	const char *item = list;

	while (item && *item && processes->count < MAX_WATCHED)
	{
		Watched *watched = &processes->items[processes->count];

		if (sscanf(item, "%31[^=]=%d", watched->name, &watched->pid) != 2)
			fail("--pids wants name=pid,name=pid: %s", item);
		watched->total = measure(watched);
		processes->count++;
		item = strchr(item, ',');
		if (item)
			item++;
	}
	processes->machine = machine_seconds();
	processes->own = own_seconds();
	return processes;
}

static double
seconds_before(const Watched *before, int pid)
{
	for (int i = 0; i < before->nmembers; i++)
	{
		if (before->members[i].pid == pid)
			return before->members[i].seconds;
	}
	return 0;
}

static void
print_members(const Watched *before, Watched *after)
{
	for (int i = 0; i < after->nmembers; i++)
		after->members[i].seconds -= seconds_before(before, after->members[i].pid);
	for (int i = 0; i < after->nmembers; i++)
	{
		Member *member = &after->members[i];

		for (int j = i + 1; j < after->nmembers; j++)
		{
			if (strcmp(member->title, after->members[j].title) != 0)
				continue;
			member->seconds += after->members[j].seconds;
			after->members[j].seconds = 0;
		}
		if (member->seconds >= 0.05)
			printf("    %-40s %8.2f\n", member->title, member->seconds);
	}
}

void
print_cpu_seconds(Processes *processes, uint64_t batches)
{
	double own = own_seconds() - processes->own;
	double others = machine_seconds() - processes->machine - own;

	for (int i = 0; i < processes->count; i++)
	{
		Watched *before = &processes->items[i];
		Watched *after = need(calloc(1, sizeof(Watched)));
		double used;

		*after = *before;
		used = measure(after) - before->total;
		printf("cpu %s: %.2f s, %.0f s per million batches\n", before->name, used,
			   batches ? used * 1e6 / (double) batches : 0);
		if (after->nmembers > 1)
			print_members(before, after);
		free(after);
		others -= used;
	}
	printf("cpu replay: %.2f s, %.0f s per million batches\n", own, batches ? own * 1e6 / (double) batches : 0);
	if (processes->count > 0)
		printf("cpu of everybody else on this machine: %.2f s\n", others > 0 ? others : 0);
}
