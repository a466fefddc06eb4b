# openreplay: the PostgreSQL extension, the ingest server and their tests.
#
#   make                the extension and the edge programs
#   make install        the extension into PG_CONFIG's installation, the programs into $(bindir)
#   make installcheck   pg_regress against a running server that preloads the extension (./openreplay test starts one)
#   make check-unit     plain C unit tests, under ASan and UBSan
#   make fuzz           libFuzzer targets (clang)
#   make build/injection/openreplay.so   the extension as a test wants it that lets it die at chosen steps
#   make format lint    .clang-format applied / checked, folder rules checked

EXTENSION = control/openreplay
DATA = openreplay--1.0.sql
MODULE_big = openreplay

# Plain C folders know nothing of PostgreSQL; the edge programs link the same objects.
PLAIN_FOLDERS = src/wire src/visit src/heuristics src/assets src/sequences
PLAIN_SOURCES = $(filter-out %_test.c %_fuzz.c %_bench.c,$(wildcard $(addsuffix /*.c,$(PLAIN_FOLDERS)))) src/flags/flag.c src/flags/selector.c
MODULE_SOURCES = $(wildcard src/*.c src/session/*.c src/pipeline/*.c src/notify/*.c src/recording/*.c src/metrics/*.c) src/flags/evaluate.c src/flags/tags.c
COMMON_SOURCES = $(filter-out %_test.c,$(wildcard ingest/common/*.c))
SERVER_SOURCES = $(filter-out %_test.c %_fuzz.c,$(wildcard ingest/server/*.c))
UPLOADER_SOURCES = $(filter-out %_test.c %_fuzz.c,$(wildcard ingest/uploader/*.c))
REPLAY_SOURCES = $(filter-out %_test.c,$(wildcard ingest/test/replay/*.c))
UNIT_TESTS = $(wildcard src/*/*_test.c ingest/*/*_test.c)
FUZZERS = $(wildcard src/*/*_fuzz.c ingest/*/*_fuzz.c)

PLAIN_OBJS = $(PLAIN_SOURCES:.c=.o)
MODULE_OBJS = $(MODULE_SOURCES:.c=.o)
COMMON_OBJS = $(COMMON_SOURCES:.c=.o)
SERVER_OBJS = $(SERVER_SOURCES:.c=.o)
UPLOADER_OBJS = $(UPLOADER_SOURCES:.c=.o)
REPLAY_OBJS = $(REPLAY_SOURCES:.c=.o)
# The database never parses user agents: that part, and its libraries, is the edge's alone.
OBJS = $(MODULE_OBJS) $(filter-out src/visit/agent%,$(PLAIN_OBJS))

PG_CPPFLAGS = -I$(CURDIR)/src -D_GNU_SOURCE
SHLIB_LINK = -lzstd -lcrypto
EDGE_LIBS = -L$(shell $(PG_CONFIG) --libdir) -lpq -lmicrohttpd -lcurl -ljansson -lzstd -lz -lcrypto -lpcre2-8 -lyaml -lmaxminddb -lpthread

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=$(CURDIR) --outputdir=$(CURDIR)/build/regress
export OPENREPLAY_CAPTURES = $(CURDIR)/build/captures

EXTRA_CLEAN = build openreplay-ingest openreplay-uploader openreplay-replay \
	$(PLAIN_OBJS) $(MODULE_OBJS) $(COMMON_OBJS) $(SERVER_OBJS) $(UPLOADER_OBJS) $(REPLAY_OBJS) $(DEPENDENCIES)

PG_CONFIG ?= pg_config
# Bitcode would need the very clang that built the server, for functions that gain nothing from inlining.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# ---- flags ------------------------------------------------------------------------------------------------------------

STRICT = -std=gnu11 -Wall -Wextra -Werror -Wno-declaration-after-statement -MMD -MP
override CFLAGS += -std=gnu11 -MMD -MP
$(MODULE_OBJS): override CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-declaration-after-statement
# Strict and without PostgreSQL's include path: the compiler itself holds the border.
EDGE_CPPFLAGS = -I$(CURDIR)/src -I$(CURDIR)/ingest -I$(shell $(PG_CONFIG) --includedir) -D_GNU_SOURCE \
	-DOPENREPLAY_DATADIR='"$(datadir)/openreplay"'
$(PLAIN_OBJS) $(COMMON_OBJS) $(SERVER_OBJS) $(UPLOADER_OBJS) $(REPLAY_OBJS): %.o: %.c
	$(CC) -O2 -g -fPIC -fno-omit-frame-pointer $(STRICT) $(EDGE_CPPFLAGS) -c -o $@ $<

DEPENDENCIES = $(patsubst %.o,%.d,$(MODULE_OBJS) $(PLAIN_OBJS) $(COMMON_OBJS) $(SERVER_OBJS) $(UPLOADER_OBJS) $(REPLAY_OBJS))
-include $(DEPENDENCIES)

# The module with the steps at which ingest/test/differential_test.sh lets it die.
INJECTION_OBJS = $(patsubst %.c,build/injection/%.o,$(MODULE_SOURCES))
$(INJECTION_OBJS): override CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare
build/injection/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(CPPFLAGS) -DOPENREPLAY_INJECTION -c -o $@ $<
build/injection/openreplay.so: $(INJECTION_OBJS) $(filter-out src/visit/agent%,$(PLAIN_OBJS))
	@$(CC) -shared -o $@ $^ $(LDFLAGS) $(SHLIB_LINK)
-include $(INJECTION_OBJS:.o=.d)

# ---- edge programs ----------------------------------------------------------------------------------------------------

PROGRAMS = $(if $(SERVER_SOURCES),openreplay-ingest) $(if $(UPLOADER_SOURCES),openreplay-uploader) $(if $(REPLAY_SOURCES),openreplay-replay)
all: $(PROGRAMS)

openreplay-ingest: $(SERVER_OBJS) $(COMMON_OBJS) $(PLAIN_OBJS)
	$(CC) -o $@ $^ $(LDFLAGS) $(EDGE_LIBS)

openreplay-uploader: $(UPLOADER_OBJS) $(COMMON_OBJS) $(PLAIN_OBJS)
	$(CC) -o $@ $^ $(LDFLAGS) $(EDGE_LIBS)

openreplay-replay: $(REPLAY_OBJS) $(COMMON_OBJS) $(PLAIN_OBJS)
	$(CC) -o $@ $^ $(LDFLAGS) $(EDGE_LIBS)

SERVICES = build/openreplay-ingest.service build/openreplay-uploader.service
$(SERVICES): build/%.service: $(wildcard ingest/*/*.service)
	@mkdir -p $(@D)
	sed 's|@bindir@|$(bindir)|' ingest/*/$*.service > $@
all: $(SERVICES)

install: install-programs
.PHONY: install-programs
install-programs: openreplay-ingest openreplay-uploader $(SERVICES)
	$(MKDIR_P) '$(DESTDIR)$(bindir)' '$(DESTDIR)$(datadir)/openreplay'
	$(INSTALL_PROGRAM) openreplay-ingest '$(DESTDIR)$(bindir)/openreplay-ingest'
	$(INSTALL_PROGRAM) openreplay-uploader '$(DESTDIR)$(bindir)/openreplay-uploader'
	$(INSTALL_DATA) data/uap-core/regexes.yaml $(SERVICES) '$(DESTDIR)$(datadir)/openreplay'

build/captures: data/unpack.sh $(wildcard data/captures/*/*)
	data/unpack.sh $@
	@touch $@
installcheck: build/captures

# ---- plain C tests ----------------------------------------------------------------------------------------------------

# What the tests link is compiled once under the sanitizers; dependencies are tracked as everywhere.
SANITIZE = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_PROGRAMS = $(patsubst %.c,build/unit/%,$(UNIT_TESTS))
UNIT_OBJS = $(patsubst %.c,build/unit/%.o,$(PLAIN_SOURCES) $(COMMON_SOURCES))
UNIT_SERVER_OBJS = $(patsubst %.c,build/unit/%.o,$(SERVER_SOURCES))
FUZZ_PROGRAMS = $(patsubst %.c,build/fuzz/%,$(FUZZERS))
FUZZ_OBJS = $(patsubst %.c,build/fuzz/%.o,$(PLAIN_SOURCES) $(COMMON_SOURCES) $(filter-out %/main.c,$(SERVER_SOURCES)))
.SECONDARY: $(UNIT_OBJS) $(UNIT_SERVER_OBJS) $(FUZZ_OBJS) $(addsuffix .o,$(UNIT_PROGRAMS) $(FUZZ_PROGRAMS))
-include $(patsubst %.o,%.d,$(UNIT_OBJS) $(UNIT_SERVER_OBJS) $(FUZZ_OBJS) $(addsuffix .o,$(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)))

build/unit/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(SANITIZE) $(STRICT) $(EDGE_CPPFLAGS) -c -o $@ $<
$(UNIT_PROGRAMS): build/unit/%: build/unit/%.o $(UNIT_OBJS)
	@$(CC) $(SANITIZE) -o $@ $^ $(EDGE_LIBS)

# The server as ingest/test/http_fuzz.sh runs it.
build/unit/openreplay-ingest: $(UNIT_SERVER_OBJS) $(UNIT_OBJS)
	@$(CC) $(SANITIZE) -o $@ $^ $(EDGE_LIBS)

.PHONY: check-unit fuzz format lint
build/test_device.yaml: data/uap-core/tests/test_device.yaml.gz
	@mkdir -p $(@D)
	@gzip -dc $< > $@
check-unit: $(UNIT_PROGRAMS) build/test_device.yaml
	@set -e; for program in $(UNIT_PROGRAMS); do $$program; done

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@clang $(SANITIZE) -fsanitize=fuzzer-no-link -std=gnu11 -MMD -MP $(EDGE_CPPFLAGS) -c -o $@ $<
# An archive, from which a target gets what it needs and no second copy of a source that it includes.
build/fuzz/objects.a: $(FUZZ_OBJS)
	@rm -f $@
	@ar rcs $@ $^
$(FUZZ_PROGRAMS): build/fuzz/%: build/fuzz/%.o build/fuzz/objects.a
	@clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ $(EDGE_LIBS)
fuzz: $(FUZZ_PROGRAMS)

build/bench/%: %.c $(PLAIN_OBJS)
	@mkdir -p $(@D)
	$(CC) -O2 -g $(filter-out -MMD -MP,$(STRICT)) $(EDGE_CPPFLAGS) -o $@ $< $(PLAIN_OBJS) $(EDGE_LIBS)

# ---- style ------------------------------------------------------------------------------------------------------------

C_FILES = $(shell git ls-files '*.c' '*.h' ':!src/wire/messages.list.h')
format:
	@clang-format -i $(C_FILES)
lint:
	@clang-format --dry-run --Werror $(C_FILES)
	@! grep -nE '#include "(postgres|fmgr|access/|utils/)' $(PLAIN_SOURCES) $(wildcard src/wire/*.h src/visit/*.h src/heuristics/*.h src/sequences/*.h) \
		|| { echo 'plain C folders include nothing of PostgreSQL'; exit 1; }
	@! grep -rnE 'PG_VERSION_NUM' src --include='*.[ch]' | grep -v '^src/compat.h:' \
		|| { echo 'PG_VERSION_NUM belongs into src/compat.h'; exit 1; }
	@for folder in $$(git ls-files 'src/*/*' 'ingest/*/*' | cut -d/ -f1,2 | sort -u); do \
		[ -f $$folder/README.md ] || { echo "no README.md in $$folder"; exit 1; }; done
