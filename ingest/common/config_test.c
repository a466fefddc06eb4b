/*
 * config_test.c - settings from file and environment, and what is said about wrong ones
 */
#include "common/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

typedef struct Example
{
	char *name;
	int64_t port;
	int64_t patience_s;
	bool on;
} Example;

static const ConfigKey keys[] = {
	{"EXAMPLE_NAME", CONFIG_TEXT, offsetof(Example, name), "none", 0, 0},
	{"EXAMPLE_PORT", CONFIG_INT, offsetof(Example, port), "80", 0, 65535},
	{"EXAMPLE_PATIENCE", CONFIG_SECONDS, offsetof(Example, patience_s), "60", 1, 100},
	{"EXAMPLE_ON", CONFIG_BOOL, offsetof(Example, on), "yes", 0, 0},
};

static char path[] = "/tmp/openreplay-config-test-XXXXXX";
static char error[256];

/* Loads a file with this content. */
static bool
loads(const char *content, Example *example)
{
	FILE *file = fopen(path, "w");

	CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
	error[0] = '\0';
	if (load_config(keys, 4, path, example, error, sizeof(error)))
		return true;
	free_config(keys, 4, example);
	return false;
}

/* The message without the file's name at its end. */
static const char *
complaint(const char *content)
{
	Example example;
	char *place;

	CHECK(!loads(content, &example));
	place = strstr(error, path);
	if (place != NULL)
		*place = '\0';
	return error;
}

int
main(void)
{
	Example example;
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	close(fd);

	CHECK(loads("", &example));
	CHECK_TEXT(example.name, "none");
	CHECK_INT(example.port, 80);
	CHECK(example.on);
	free_config(keys, 4, &example);

	CHECK(loads("# a comment\n\n  EXAMPLE_NAME = \"a # b = c \" \nEXAMPLE_PATIENCE=5s\r\nEXAMPLE_ON=off\nEXAMPLE_PORT=",
				&example));
	CHECK_TEXT(example.name, "a # b = c ");
	CHECK_INT(example.patience_s, 5);
	CHECK_INT(example.port, 80);
	CHECK(!example.on);
	free_config(keys, 4, &example);

	setenv("EXAMPLE_PORT", "90", 1);
	setenv("EXAMPLE_NAME", "", 1);
	CHECK(loads("EXAMPLE_PORT=70\nEXAMPLE_NAME=file", &example));
	CHECK_INT(example.port, 90);
	CHECK_TEXT(example.name, "file");
	free_config(keys, 4, &example);
	setenv("EXAMPLE_PORT", "-1", 1);
	CHECK_TEXT(complaint(""), "EXAMPLE_PORT: \"-1\" is not a whole number from 0 to 65535 (environment)");
	unsetenv("EXAMPLE_PORT");

	CHECK_TEXT(complaint("EXAMPLE_PORT=x"), "EXAMPLE_PORT: \"x\" is not a whole number from 0 to 65535 (line 1 of ");
	CHECK_TEXT(complaint("\nEXAMPLE_PATIENCE=0"),
			   "EXAMPLE_PATIENCE: \"0\" is not a whole number from 1 to 100 (line 2 of ");
	CHECK_TEXT(complaint("EXAMPLE_ON=perhaps"), "EXAMPLE_ON: \"perhaps\" is neither true nor false (line 1 of ");
	CHECK_TEXT(complaint("EXAMPLE=1"), "unknown key EXAMPLE (line 1 of ");
	CHECK_TEXT(complaint("EXAMPLE_NAME"), "not of the form KEY=VALUE (line 1 of ");
	CHECK(!load_config(keys, 4, "/nonexistent/file", &example, error, sizeof(error)));
	free_config(keys, 4, &example);
	CHECK_TEXT(error, "cannot open configuration file /nonexistent/file: No such file or directory");

	unlink(path);
	return check_summary("config");
}
