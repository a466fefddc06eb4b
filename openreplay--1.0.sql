/*
 * openreplay--1.0.sql - the schema and the SQL API, in the order of a session's life
 *
 * Functions are members of the extension; everything that holds or shapes data (tables, partitions, sequences, types,
 * views, the schemas around them) is not. Member tables lose their partitions and foreign keys in a dump, so
 * openreplay.install() creates what is missing and releases it from the extension, and the dump carries it like any
 * table of the user's own. While a dump is being restored install() creates nothing: the dump brings it all.
 *
 * Two rules follow for whoever adds to this file:
 *   - No member function names a released type or table in its signature or in a BEGIN ATOMIC body: when a dump is
 *     restored the functions come first. Bodies given as text are free, they are not looked into before they run.
 *   - Inside this script CREATE ... IF NOT EXISTS and CREATE OR REPLACE fail on things that are there but released.
 *     Test with to_regclass, to_regtype or to_regnamespace and create plainly.
 */
\echo Use "CREATE EXTENSION openreplay" to load this file. \quit

-- The functions come before the tables they use.
SET LOCAL check_function_bodies = off;

-- ==== 1. Roles =====================================================================================================

CREATE FUNCTION openreplay.install_roles() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['openreplay_ingest', 'openreplay_uploader', 'openreplay_reader', 'openreplay_admin']
	LOOP
		CONTINUE WHEN to_regrole(role_name) IS NOT NULL;
		BEGIN
			EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;				-- roles belong to the cluster: another database was quicker
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.install_roles() IS
	'Creates the group roles that are missing: ingest appends batches, uploader empties the outbox, '
	'reader sees dashboards, admin changes product data.';

-- Also while a dump is being restored: its GRANTs need the roles.
SELECT openreplay.install_roles();

-- ==== 2. Keys, version, announcements ==============================================================================

CREATE FUNCTION public.generate_api_key(length integer) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'generate_api_key';
COMMENT ON FUNCTION public.generate_api_key(integer) IS
	'Random key of the given length from digits and letters, all equally likely, from a cryptographic source.';

CREATE FUNCTION public.openreplay_version() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT 'v1.20.0'$$;
COMMENT ON FUNCTION public.openreplay_version() IS 'The schema version that existing tools find here.';

CREATE FUNCTION public.notify_project() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'notify_project';
COMMENT ON FUNCTION public.notify_project() IS
	'Row trigger: announces the new row as JSON on channel project.';

CREATE FUNCTION public.notify_integration() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'notify_integration';
COMMENT ON FUNCTION public.notify_integration() IS
	'Row trigger: announces changed credentials on channel integration. '
	'Values inside options are null unless openreplay.notify_secrets is on.';

CREATE FUNCTION public.notify_alert() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'notify_alert';
COMMENT ON FUNCTION public.notify_alert() IS
	'Row trigger: announces the alert as JSON on channel alert, times in epoch milliseconds.';

-- ==== 3. Product tables ============================================================================================

-- ---- 3.1 What there is --------------------------------------------------------------------------------------------

CREATE FUNCTION openreplay.product_tables() RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT unnest(ARRAY[
		'public.tenants',
		'public.users',
		'public.basic_authentication',
		'public.oauth_authentication',
		'public.jira_cloud',
		'public.webhooks',
		'public.notifications',
		'public.user_viewed_notifications',
		'public.announcements',
		'public.projects',
		'public.projects_conditions',
		'public.projects_stats',
		'public.tags',
		'public.integrations',
		'public.jobs',
		'public.searches',
		'public.saved_searches',
		'public.actions',
		'public.autocomplete',
		'or_cache.autocomplete_top_values',
		'public.feature_flags',
		'public.feature_flags_conditions',
		'public.feature_flags_variants',
		'public.ut_tests',
		'public.ut_tests_tasks',
		'public.sessions',
		'public.user_viewed_sessions',
		'public.user_favorite_sessions',
		'public.sessions_notes',
		'public.assigned_sessions',
		'public.session_integrations',
		'public.sessions_feature_flags',
		'public.ut_tests_signals',
		'public.errors',
		'public.user_favorite_errors',
		'public.user_viewed_errors',
		'public.issues',
		'public.crashes_ios',
		'events.pages',
		'events.clicks',
		'events.inputs',
		'events.errors',
		'public.errors_tags',
		'events.performance',
		'events.resources',
		'events.graphql',
		'events.state_actions',
		'events.tags',
		'events.canvas_recordings',
		'events_common.requests',
		'events_common.customs',
		'events_common.issues',
		'events_common.crashes',
		'events_ios.taps',
		'events_ios.inputs',
		'events_ios.swipes',
		'events_ios.views',
		'events_ios.performance',
		'public.metrics',
		'public.metric_series',
		'public.dashboards',
		'public.dashboard_widgets',
		'public.alerts',
		'spots.spots',
		'spots.keys',
		'spots.streams',
		'spots.tasks'
	])
$$;
COMMENT ON FUNCTION openreplay.product_tables() IS 'Names of the product tables.';

CREATE FUNCTION openreplay.install_types() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	schema_name text;
	enum_name text;
	labels text[];
	label text;
BEGIN
	FOREACH schema_name IN ARRAY ARRAY['events', 'events_common', 'events_ios', 'or_cache', 'spots']
	LOOP
		CONTINUE WHEN to_regnamespace(schema_name) IS NOT NULL;
		EXECUTE format('CREATE SCHEMA %I', schema_name);
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO openreplay_reader, openreplay_admin', schema_name);
	END LOOP;

	FOR enum_name, labels IN
		SELECT name, string_to_array(list, ' ') FROM (VALUES
			('events.resource_method', 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'),
			('events.resource_type', 'other script stylesheet fetch img media'),
			('events_common.custom_level', 'info error'),
			('public.alert_change_type', 'percent change'),
			('public.alert_detection_method', 'threshold change'),
			('public.announcement_type', 'notification alert'),
			('public.country',
				'UN RW SO YE IQ SA IR CY TZ SY AM KE CD DJ UG CF SC JO LB KW OM QA BH AE IL TR ET ER EG SD GR BI EE '
				'LV AZ LT SJ GE MD BY FI AX UA MK HU BG AL PL RO XK ZW ZM KM MW LS BW MU SZ RE ZA YT MZ MG AF PK BD '
				'TM TJ LK BT IN MV IO NP MM UZ KZ KG TF HM CC PW VN TH ID LA TW PH MY CN HK BN MO KH KR JP KP SG CK '
				'TL RU MN AU CX MH FM PG SB TV NR VU NC NF NZ FJ LY CM SN CG PT LR CI GH GQ NG BF TG GW MR BJ GA SL '
				'ST GI GM GN TD NE ML EH TN ES MA MT DZ FO DK IS GB CH SE NL AT BE DE LU IE MC FR AD LI JE IM GG SK '
				'CZ NO VA SM IT SI ME HR BA AO NA SH BV BB CV GY GF SR PM GL PY UY BR FK GS JM DO CU MQ BS BM AI TT '
				'KN DM AG LC TC AW VG VC MS MF BL GP GD KY BZ SV GT HN NI CR VE EC CO PA HT AR CL BO PE MX PF PN KI '
				'TK TO WF WS NU MP GU PR VI UM AS CA US PS RS AQ SX CW BQ SS AC AN BU CP CS CT DD DG DY EA FQ FX HV '
				'IC JT MI NH NQ NT PC PU PZ RH SU TA TP VD WK YD YU ZR'),
			('public.device_type', 'desktop tablet mobile other'),
			('public.error_source', 'js_exception bugsnag cloudwatch datadog newrelic rollbar sentry stackdriver sumologic elasticsearch'),
			('public.error_status', 'unresolved resolved ignored'),
			('public.http_method', 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'),
			('public.integration_provider', 'bugsnag cloudwatch datadog newrelic rollbar sentry stackdriver sumologic elasticsearch dynatrace'),
			('public.issue_type',
				'click_rage tap_rage dead_click excessive_scrolling bad_request missing_resource memory cpu '
				'slow_resource slow_page_load crash ml_cpu ml_memory ml_dead_click ml_click_rage ml_mouse_thrashing '
				'ml_excessive_scrolling ml_slow_resources custom js_exception mouse_thrashing app_crash incident anr'),
			('public.job_action', 'delete_user_data'),
			('public.job_status', 'scheduled running cancelled failed completed'),
			('public.oauth_provider', 'jira github'),
			('public.platform', 'web ios android'),
			('public.ui_tests_status', 'preview in-progress paused closed'),
			('public.user_role', 'owner admin member'),
			('public.ut_signal_status', 'begin done skipped'),
			('public.webhook_type', 'webhook slack email msteams')
		) AS enum (name, list)
	LOOP
		IF to_regtype(enum_name) IS NULL THEN
			EXECUTE format('CREATE TYPE %s AS ENUM (%s)', enum_name,
				(SELECT string_agg(quote_literal(each_label), ', ' ORDER BY position)
				 FROM unnest(labels) WITH ORDINALITY AS l (each_label, position)));
			CONTINUE;
		END IF;
		-- A type that an older version or a dump brought lacks only the newest labels.
		FOR label IN
			SELECT each_label
			FROM unnest(labels) WITH ORDINALITY AS l (each_label, position)
			WHERE each_label NOT IN (SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(enum_name))
			ORDER BY position
		LOOP
			EXECUTE format('ALTER TYPE %s ADD VALUE IF NOT EXISTS %L', enum_name, label);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.install_types() IS
	'Creates the missing schemas and enum types, and the labels that existing types lack.';

-- ---- 3.2 Accounts and notices -------------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_accounts() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.tenants') IS NULL THEN
		CREATE TABLE public.tenants (
			tenant_id      integer DEFAULT 1 PRIMARY KEY CONSTRAINT onerow_uni CHECK (tenant_id = 1),
			tenant_key     text NOT NULL DEFAULT public.generate_api_key(20),
			name           text NOT NULL,
			api_key        text NOT NULL DEFAULT public.generate_api_key(20),
			created_at     timestamp NOT NULL DEFAULT timezone('utc', now()),
			license        text,
			opt_out        boolean NOT NULL DEFAULT false,
			t_projects     integer NOT NULL DEFAULT 1,
			t_sessions     bigint NOT NULL DEFAULT 0,
			t_users        integer NOT NULL DEFAULT 1,
			t_integrations integer NOT NULL DEFAULT 0,
			last_telemetry bigint NOT NULL DEFAULT (extract(epoch FROM date_trunc('day', now())) * 1000)::bigint,
			scope_state    smallint NOT NULL DEFAULT 0
		);
		COMMENT ON TABLE public.tenants IS 'The installation: exactly one row.';
		COMMENT ON COLUMN public.tenants.tenant_key IS 'Anonymous id for telemetry.';
		COMMENT ON COLUMN public.tenants.api_key IS 'Organisation key of the public API.';
		COMMENT ON COLUMN public.tenants.opt_out IS 'True: telemetry carries no personal data.';
		COMMENT ON COLUMN public.tenants.last_telemetry IS 'Start of the day, epoch milliseconds.';
		COMMENT ON COLUMN public.tenants.scope_state IS
			'0 not chosen, 1 screen recordings only, 2 the whole product.';
	END IF;

	IF to_regclass('public.users') IS NULL THEN
		CREATE TABLE public.users (
			user_id              integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			email                text NOT NULL UNIQUE,
			role                 public.user_role NOT NULL DEFAULT 'member',
			name                 text NOT NULL,
			created_at           timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at           timestamp,
			api_key              text NOT NULL DEFAULT public.generate_api_key(20) UNIQUE,
			jwt_iat              timestamp,
			jwt_refresh_jti      integer,
			jwt_refresh_iat      timestamp,
			spot_jwt_iat         timestamp,
			spot_jwt_refresh_jti integer,
			spot_jwt_refresh_iat timestamp,
			data                 jsonb NOT NULL DEFAULT '{}',
			weekly_report        boolean NOT NULL DEFAULT true,
			settings             jsonb DEFAULT '{"modules": ["usability-tests", "feature-flags"]}'
		);
		COMMENT ON TABLE public.users IS
			'People who may sign in. A deleted user keeps its row, and its email stays taken.';
		COMMENT ON COLUMN public.users.api_key IS 'Personal key of the public API.';
		COMMENT ON COLUMN public.users.jwt_iat IS 'When the current token was issued; null: signed out.';
		COMMENT ON COLUMN public.users.jwt_refresh_jti IS 'Rotation counter of the refresh token.';
		COMMENT ON COLUMN public.users.data IS 'lastAnnouncementView: epoch milliseconds.';
		COMMENT ON COLUMN public.users.settings IS 'modules: list of enabled modules.';
	END IF;

	IF to_regclass('public.basic_authentication') IS NULL THEN
		CREATE TABLE public.basic_authentication (
			user_id              integer NOT NULL UNIQUE REFERENCES public.users ON DELETE CASCADE,
			password             text,
			invitation_token     text,
			invited_at           timestamp,
			change_pwd_token     text,
			change_pwd_expire_at timestamp,
			changed_at           timestamp
		);
		COMMENT ON TABLE public.basic_authentication IS
			'Password (bcrypt), invitation and password-change tokens, one row a user.';
	END IF;

	IF to_regclass('public.oauth_authentication') IS NULL THEN
		CREATE TABLE public.oauth_authentication (
			user_id          integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			provider         public.oauth_provider NOT NULL,
			provider_user_id text NOT NULL,
			token            text NOT NULL
		);
		-- one token a user and provider
		CREATE UNIQUE INDEX oauth_authentication_unique_user_id_provider_idx
			ON public.oauth_authentication (user_id, provider);
		COMMENT ON TABLE public.oauth_authentication IS 'Tokens of external issue trackers, one a user and provider.';
	END IF;

	IF to_regclass('public.jira_cloud') IS NULL THEN
		CREATE TABLE public.jira_cloud (
			user_id  integer CONSTRAINT jira_cloud_pk PRIMARY KEY
				CONSTRAINT jira_cloud_users_fkey REFERENCES public.users ON DELETE CASCADE,
			username text NOT NULL,
			token    text NOT NULL,
			url      text
		);
		COMMENT ON TABLE public.jira_cloud IS 'Jira access of a user.';
	END IF;

	IF to_regclass('public.webhooks') IS NULL THEN
		CREATE TABLE public.webhooks (
			webhook_id  integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			endpoint    text NOT NULL,
			created_at  timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at  timestamp,
			auth_header text,
			type        public.webhook_type NOT NULL DEFAULT 'webhook',
			index       integer NOT NULL DEFAULT 0,
			name        varchar(100)
		);
		COMMENT ON TABLE public.webhooks IS
			'Where alerts and shared items are sent: plain hooks, chat channels, mail.';
		COMMENT ON COLUMN public.webhooks.auth_header IS 'Sent as it is.';
		COMMENT ON COLUMN public.webhooks.index IS 'Order of display.';
	END IF;

	IF to_regclass('public.notifications') IS NULL THEN
		CREATE TABLE public.notifications (
			notification_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			user_id         integer REFERENCES public.users ON DELETE CASCADE,
			title           text NOT NULL,
			description     text NOT NULL,
			button_text     varchar(80),
			button_url      text,
			image_url       text,
			created_at      timestamp NOT NULL DEFAULT timezone('utc', now()),
			options         jsonb NOT NULL DEFAULT '{}'
		);
		-- a user's latest notices
		CREATE INDEX ON public.notifications (user_id, created_at DESC);
		COMMENT ON TABLE public.notifications IS
			'Messages shown in the application; without a user they are for everyone.';
	END IF;

	IF to_regclass('public.user_viewed_notifications') IS NULL THEN
		CREATE TABLE public.user_viewed_notifications (
			user_id         integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			notification_id integer NOT NULL REFERENCES public.notifications ON DELETE CASCADE,
			PRIMARY KEY (user_id, notification_id)
		);
		-- delete of a notification
		CREATE INDEX ON public.user_viewed_notifications (notification_id);
		COMMENT ON TABLE public.user_viewed_notifications IS 'Which user has read which notification.';
	END IF;

	IF to_regclass('public.announcements') IS NULL THEN
		CREATE TABLE public.announcements (
			announcement_id serial CONSTRAINT announcements_pk PRIMARY KEY,
			title           text NOT NULL,
			description     text NOT NULL,
			button_text     varchar(30),
			button_url      text,
			image_url       text,
			created_at      timestamp NOT NULL DEFAULT timezone('utc', now()),
			type            public.announcement_type NOT NULL DEFAULT 'notification'
		);
		COMMENT ON TABLE public.announcements IS 'Product news shown to all users.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_accounts() IS
	'Creates the missing tables of tenants, users and what they are told.';

-- ---- 3.3 Projects and their settings ------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_projects() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.projects') IS NULL THEN
		CREATE TABLE public.projects (
			project_id                integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_key               varchar(20) NOT NULL DEFAULT public.generate_api_key(20) UNIQUE,
			name                      text NOT NULL,
			platform                  public.platform NOT NULL DEFAULT 'web',
			active                    boolean NOT NULL,
			sample_rate               smallint NOT NULL DEFAULT 100 CHECK (sample_rate BETWEEN 0 AND 100),
			created_at                timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at                timestamp,
			max_session_duration      integer NOT NULL DEFAULT 7200000,
			metadata_1                text,
			metadata_2                text,
			metadata_3                text,
			metadata_4                text,
			metadata_5                text,
			metadata_6                text,
			metadata_7                text,
			metadata_8                text,
			metadata_9                text,
			metadata_10               text,
			save_request_payloads     boolean NOT NULL DEFAULT false,
			gdpr                      jsonb NOT NULL
				DEFAULT '{"maskEmails": true, "sampleRate": 33, "maskNumbers": false, "defaultInputMode": "obscured"}',
			first_recorded_session_at timestamp,
			sessions_last_check_at    timestamp,
			beacon_size               integer NOT NULL DEFAULT 0,
			conditional_capture       boolean NOT NULL DEFAULT false
		);
		COMMENT ON TABLE public.projects IS 'What is recorded: a site or an application, with its recording rules.';
		COMMENT ON COLUMN public.projects.project_key IS 'Public: it is in the configuration of the tracker.';
		COMMENT ON COLUMN public.projects.active IS 'False: nothing is recorded.';
		COMMENT ON COLUMN public.projects.sample_rate IS 'Share of visits recorded, in percent.';
		COMMENT ON COLUMN public.projects.max_session_duration IS
			'Milliseconds; also the lifetime of a session token.';
		COMMENT ON COLUMN public.projects.metadata_1 IS
			'Name of the first metadata slot, its values are in sessions.metadata_1; null: free. Slots 2 to 10 likewise.';
		COMMENT ON COLUMN public.projects.save_request_payloads IS 'Keep bodies of requests and answers.';
		COMMENT ON COLUMN public.projects.beacon_size IS
			'Largest batch of the tracker in bytes; 0: the server decides.';
		COMMENT ON COLUMN public.projects.conditional_capture IS 'Record by projects_conditions.';
	END IF;

	IF to_regclass('public.projects_conditions') IS NULL THEN
		CREATE TABLE public.projects_conditions (
			condition_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id   integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			name         varchar(255) NOT NULL,
			capture_rate integer NOT NULL CHECK (capture_rate BETWEEN 0 AND 100),
			filters      jsonb NOT NULL DEFAULT '[]'
		);
		-- conditions of a project
		CREATE INDEX ON public.projects_conditions (project_id);
		COMMENT ON TABLE public.projects_conditions IS
			'Conditional recording: sessions that match a condition are captured at its rate.';
		COMMENT ON COLUMN public.projects_conditions.capture_rate IS 'Percent of matching sessions.';
	END IF;

	IF to_regclass('public.projects_stats') IS NULL THEN
		CREATE TABLE public.projects_stats (
			project_id     integer NOT NULL,
			created_at     timestamp NOT NULL DEFAULT timezone('utc', now()),
			sessions_count integer NOT NULL DEFAULT 0,
			events_count   bigint NOT NULL DEFAULT 0,
			last_update_at timestamp DEFAULT timezone('utc', now()),
			PRIMARY KEY (project_id, created_at)
		);
		COMMENT ON TABLE public.projects_stats IS 'Ended sessions and their events, a row a project and day (UTC) on which they began; the sum is all that a project captured.';
	END IF;

	IF to_regclass('public.tags') IS NULL THEN
		CREATE TABLE public.tags (
			tag_id            serial PRIMARY KEY,
			name              text NOT NULL,
			project_id        integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			selector          text NOT NULL,
			ignore_click_rage boolean NOT NULL,
			ignore_dead_click boolean NOT NULL,
			deleted_at        timestamp,
			location          text
		);
		-- tags of a project, for the tracker
		CREATE INDEX ON public.tags (project_id);
		COMMENT ON TABLE public.tags IS
			'Page elements that were given a name, recognised in recordings by their selector.';
	END IF;

	IF to_regclass('public.integrations') IS NULL THEN
		CREATE TABLE public.integrations (
			project_id   integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			provider     public.integration_provider NOT NULL,
			options      jsonb NOT NULL,
			request_data jsonb NOT NULL DEFAULT '{}',
			PRIMARY KEY (project_id, provider)
		);
		COMMENT ON TABLE public.integrations IS
			'Credentials of external log services, one row a project and provider; changes are announced on channel integration.';
		COMMENT ON COLUMN public.integrations.options IS
			'Credentials and settings; never shown to openreplay_reader.';
		COMMENT ON COLUMN public.integrations.request_data IS 'The poller''s cursor; changing it notifies nobody.';
	END IF;

	IF to_regclass('public.jobs') IS NULL THEN
		CREATE TABLE public.jobs (
			job_id       integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			description  text NOT NULL,
			status       public.job_status NOT NULL,
			project_id   integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			action       public.job_action NOT NULL,
			reference_id text NOT NULL,
			created_at   timestamp NOT NULL DEFAULT timezone('utc', now()),
			updated_at   timestamp DEFAULT timezone('utc', now()),
			start_at     timestamp NOT NULL,
			errors       text
		);
		-- jobs of a project
		CREATE INDEX ON public.jobs (project_id);
		-- the nightly run: what is due
		CREATE INDEX ON public.jobs (status, start_at);
		COMMENT ON TABLE public.jobs IS 'Work put off to a quiet hour, such as deleting all data of one user.';
		COMMENT ON COLUMN public.jobs.reference_id IS 'For delete_user_data: the user_id whose sessions go.';
	END IF;

	IF to_regclass('public.searches') IS NULL THEN
		CREATE TABLE public.searches (
			search_id  integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_id    integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			name       text NOT NULL,
			filter     jsonb NOT NULL,
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at timestamp,
			is_public  boolean NOT NULL DEFAULT false
		);
		-- searches of a project
		CREATE INDEX ON public.searches (project_id);
		-- a user's own and shared searches
		CREATE INDEX ON public.searches (user_id, is_public);
		COMMENT ON TABLE public.searches IS 'Saved session searches.';
	END IF;

	IF to_regclass('public.saved_searches') IS NULL THEN
		CREATE TABLE public.saved_searches (
			search_id   uuid DEFAULT gen_random_uuid() PRIMARY KEY,
			name        varchar(255),
			project_id  integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_id     integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			search_data jsonb NOT NULL,
			is_public   boolean NOT NULL DEFAULT false,
			is_share    boolean NOT NULL DEFAULT false,
			created_at  timestamp NOT NULL DEFAULT timezone('utc', now()),
			expires_at  timestamp,
			deleted_at  timestamp
		);
		-- searches of a project
		CREATE INDEX ON public.saved_searches (project_id);
		-- searches of a user
		CREATE INDEX ON public.saved_searches (user_id);
		COMMENT ON TABLE public.saved_searches IS
			'Saved and shared session searches, addressed by an id that cannot be guessed.';
	END IF;

	IF to_regclass('public.actions') IS NULL THEN
		CREATE TABLE public.actions (
			action_id   uuid DEFAULT gen_random_uuid() PRIMARY KEY,
			project_id  integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_id     integer REFERENCES public.users ON DELETE SET NULL,
			name        varchar(255) NOT NULL,
			description varchar(1024),
			filters     jsonb NOT NULL DEFAULT '[]',
			is_public   boolean NOT NULL DEFAULT false,
			created_at  timestamp NOT NULL DEFAULT timezone('utc', now()),
			updated_at  timestamp NOT NULL DEFAULT timezone('utc', now())
		);
		-- one name a project
		CREATE UNIQUE INDEX ON public.actions (project_id, name);
		-- newest first
		CREATE INDEX ON public.actions (project_id, created_at DESC);
		-- own actions
		CREATE INDEX ON public.actions (user_id);
		COMMENT ON TABLE public.actions IS 'Named sets of filters of a project.';
	END IF;

	IF to_regclass('public.autocomplete') IS NULL THEN
		CREATE TABLE public.autocomplete (
			value      text NOT NULL,
			type       text NOT NULL,
			project_id integer NOT NULL REFERENCES public.projects ON DELETE CASCADE
		);
		-- one row a value; its hash, because values are long
		CREATE UNIQUE INDEX autocomplete_unique_project_id_md5value_type_idx
			ON public.autocomplete (project_id, md5(value), type);
		-- values of a kind in a project
		CREATE INDEX ON public.autocomplete (project_id, type);
		-- filter boxes: values that contain what was typed
		CREATE INDEX ON public.autocomplete USING gin (value gin_trgm_ops);
		COMMENT ON TABLE public.autocomplete IS 'Distinct values that filter boxes suggest.';
	END IF;

	IF to_regclass('or_cache.autocomplete_top_values') IS NULL THEN
		CREATE TABLE or_cache.autocomplete_top_values (
			project_id     integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			event_type     text NOT NULL,
			event_key      text,
			result         jsonb,
			execution_time integer,
			created_at     timestamp NOT NULL DEFAULT timezone('utc', now()),
			asked_at       timestamp NOT NULL DEFAULT timezone('utc', now()),
			UNIQUE NULLS NOT DISTINCT (project_id, event_type, event_key)
		);
		COMMENT ON TABLE or_cache.autocomplete_top_values IS
			'Most frequent values of a filter, valid for some minutes.';
		COMMENT ON COLUMN or_cache.autocomplete_top_values.execution_time IS 'Milliseconds the query took.';
		COMMENT ON COLUMN or_cache.autocomplete_top_values.asked_at IS 'What nobody asks for is not counted again.';
	END IF;

	IF to_regclass('public.feature_flags') IS NULL THEN
		CREATE TABLE public.feature_flags (
			feature_flag_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id      integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			flag_key        text NOT NULL,
			description     text,
			payload         jsonb,
			flag_type       text NOT NULL,
			is_persist      boolean NOT NULL DEFAULT false,
			is_active       boolean NOT NULL DEFAULT false,
			created_by      integer REFERENCES public.users ON DELETE SET NULL,
			updated_by      integer REFERENCES public.users ON DELETE SET NULL,
			created_at      timestamp NOT NULL DEFAULT timezone('utc', now()),
			updated_at      timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at      timestamp,
			CONSTRAINT unique_project_flag_deleted UNIQUE (project_id, flag_key, deleted_at)
		);
		-- two live flags never share a key, however it is written
		CREATE UNIQUE INDEX feature_flags_live_key_idx
			ON public.feature_flags (project_id, lower(flag_key)) WHERE deleted_at IS NULL;
		-- delete of a user
		CREATE INDEX ON public.feature_flags (created_by);
		-- delete of a user
		CREATE INDEX ON public.feature_flags (updated_by);
		COMMENT ON TABLE public.feature_flags IS 'Feature flags of a project.';
		COMMENT ON COLUMN public.feature_flags.flag_type IS 'single or multi.';
		COMMENT ON COLUMN public.feature_flags.is_persist IS 'Keep the answer across sessions of a visitor.';
	END IF;

	IF to_regclass('public.feature_flags_conditions') IS NULL THEN
		CREATE TABLE public.feature_flags_conditions (
			condition_id       integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			feature_flag_id    integer NOT NULL REFERENCES public.feature_flags ON DELETE CASCADE,
			name               text NOT NULL,
			rollout_percentage integer NOT NULL,
			filters            jsonb NOT NULL DEFAULT '[]'
		);
		-- conditions of a flag
		CREATE INDEX ON public.feature_flags_conditions (feature_flag_id);
		COMMENT ON TABLE public.feature_flags_conditions IS
			'Who gets a feature flag: the first condition that matches decides, for its share of visitors.';
		COMMENT ON COLUMN public.feature_flags_conditions.rollout_percentage IS '0 to 100.';
	END IF;

	IF to_regclass('public.feature_flags_variants') IS NULL THEN
		CREATE TABLE public.feature_flags_variants (
			variant_id         integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			feature_flag_id    integer NOT NULL REFERENCES public.feature_flags ON DELETE CASCADE,
			value              text NOT NULL,
			description        text,
			payload            jsonb,
			rollout_percentage integer DEFAULT 0
		);
		-- variants of a flag
		CREATE INDEX ON public.feature_flags_variants (feature_flag_id);
		COMMENT ON TABLE public.feature_flags_variants IS
			'What a multivariate feature flag answers, and to which share of visitors.';
		COMMENT ON COLUMN public.feature_flags_variants.rollout_percentage IS
			'0 to 100; all variants of a flag together at most 100.';
	END IF;

	IF to_regclass('public.ut_tests') IS NULL THEN
		CREATE TABLE public.ut_tests (
			test_id            integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id         integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			title              varchar(255) NOT NULL,
			starting_path      varchar(255),
			status             public.ui_tests_status NOT NULL,
			require_mic        boolean DEFAULT false,
			require_camera     boolean DEFAULT false,
			description        text,
			guidelines         text,
			conclusion_message text,
			created_by         integer REFERENCES public.users ON DELETE SET NULL,
			updated_by         integer REFERENCES public.users ON DELETE SET NULL,
			visibility         boolean DEFAULT false,
			created_at         timestamp NOT NULL DEFAULT timezone('utc', now()),
			updated_at         timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at         timestamp
		);
		-- tests of a project
		CREATE INDEX ON public.ut_tests (project_id);
		-- delete of a user
		CREATE INDEX ON public.ut_tests (created_by);
		-- delete of a user
		CREATE INDEX ON public.ut_tests (updated_by);
		COMMENT ON TABLE public.ut_tests IS 'Usability tests.';
	END IF;

	IF to_regclass('public.ut_tests_tasks') IS NULL THEN
		CREATE TABLE public.ut_tests_tasks (
			task_id      integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			test_id      integer NOT NULL REFERENCES public.ut_tests ON DELETE CASCADE,
			title        varchar(255) NOT NULL,
			description  text,
			allow_typing boolean DEFAULT false
		);
		-- tasks of a test
		CREATE INDEX ON public.ut_tests_tasks (test_id);
		COMMENT ON TABLE public.ut_tests_tasks IS 'Tasks of a usability test, in the order of their ids.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_projects() IS 'Creates the missing tables of projects and their settings.';

-- ---- 3.4 Sessions -------------------------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_sessions() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.sessions') IS NULL THEN
		CREATE TABLE public.sessions (
			session_id              bigint PRIMARY KEY,
			project_id              integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			tracker_version         text NOT NULL,
			start_ts                bigint NOT NULL,
			timezone                text,
			duration                integer,
			rev_id                  text,
			platform                public.platform NOT NULL DEFAULT 'web',
			is_snippet              boolean NOT NULL DEFAULT false,
			user_id                 text,
			user_anonymous_id       text,
			user_uuid               uuid NOT NULL,
			user_os                 text NOT NULL,
			user_os_version         text,
			user_browser            text,
			user_browser_version    text,
			user_device             text NOT NULL,
			user_device_type        public.device_type NOT NULL,
			user_device_memory_size integer,
			user_device_heap_size   bigint,
			user_country            public.country NOT NULL,
			user_city               text,
			user_state              text,
			pages_count             integer NOT NULL DEFAULT 0,
			events_count            integer NOT NULL DEFAULT 0,
			errors_count            integer NOT NULL DEFAULT 0,
			watchdogs_score         bigint NOT NULL DEFAULT 0,
			issue_score             bigint NOT NULL DEFAULT 0,
			issue_types             public.issue_type[] NOT NULL DEFAULT '{}',
			utm_source              text,
			utm_medium              text,
			utm_campaign            text,
			referrer                text,
			base_referrer           text,
			has_ut_test             boolean DEFAULT false,
			screen_width            integer,
			screen_height           integer,
			metadata_1              text,
			metadata_2              text,
			metadata_3              text,
			metadata_4              text,
			metadata_5              text,
			metadata_6              text,
			metadata_7              text,
			metadata_8              text,
			metadata_9              text,
			metadata_10             text,
			remains                 bytea,
			has_sequence            boolean NOT NULL DEFAULT false,
			CONSTRAINT web_browser_constraint CHECK ((platform = 'web') = (user_browser IS NOT NULL)),
			CONSTRAINT web_user_browser_version_constraint CHECK (platform = 'web' OR user_browser_version IS NULL)
		) PARTITION BY RANGE (session_id);
		-- every list and chart: a project's sessions of a time range, newest first; counts without visiting the table
		CREATE INDEX sessions_project_id_start_ts_idx ON public.sessions (project_id, start_ts) INCLUDE (session_id, duration);
		-- sessions of a user, known or partly known; deleting a user's data
		CREATE INDEX sessions_user_idx ON public.sessions
			USING gin (user_id gin_trgm_ops, user_anonymous_id gin_trgm_ops);
		-- filters on metadata: one index, since a query names one or two slots
		CREATE INDEX sessions_metadata_idx ON public.sessions
			USING gin (metadata_1 gin_trgm_ops, metadata_2 gin_trgm_ops, metadata_3 gin_trgm_ops, metadata_4 gin_trgm_ops,
				metadata_5 gin_trgm_ops, metadata_6 gin_trgm_ops, metadata_7 gin_trgm_ops, metadata_8 gin_trgm_ops,
				metadata_9 gin_trgm_ops, metadata_10 gin_trgm_ops);
		-- filters on where visitors come from
		CREATE INDEX sessions_origin_idx ON public.sessions
			USING gin (utm_source gin_trgm_ops, utm_medium gin_trgm_ops, utm_campaign gin_trgm_ops,
				base_referrer gin_trgm_ops);
		-- sessions with any of some kinds of issues
		CREATE INDEX ON public.sessions USING gin (issue_types);
		COMMENT ON TABLE public.sessions IS
			'One row a recorded visit. Partitioned by month; session_id carries the time it began.';
		COMMENT ON COLUMN public.sessions.session_id IS
			'Upper 40 bits: milliseconds since 2019-02-12 19:33:20 UTC (openreplay.session_time); lower 24: worker and sequence.';
		COMMENT ON COLUMN public.sessions.start_ts IS 'Epoch milliseconds.';
		COMMENT ON COLUMN public.sessions.duration IS
			'Milliseconds from start_ts to the last message; null until the session has ended once.';
		COMMENT ON COLUMN public.sessions.timezone IS 'Offset of the visitor, such as UTC+02:00.';
		COMMENT ON COLUMN public.sessions.user_uuid IS 'Device identity, kept by the tracker.';
		COMMENT ON COLUMN public.sessions.user_device_memory_size IS 'Megabytes.';
		COMMENT ON COLUMN public.sessions.user_device_heap_size IS 'Bytes.';
		COMMENT ON COLUMN public.sessions.user_country IS 'ISO 3166 code; UN: unknown.';
		COMMENT ON COLUMN public.sessions.pages_count IS 'Page views.';
		COMMENT ON COLUMN public.sessions.events_count IS
			'Page views, clicks and inputs, on mobile taps, swipes and inputs: those that have a row.';
		COMMENT ON COLUMN public.sessions.errors_count IS 'JavaScript errors and mobile crashes.';
		COMMENT ON COLUMN public.sessions.issue_score IS 'Begins at start_ts / 1000 and grows with every issue.';
		COMMENT ON COLUMN public.sessions.remains IS
			'What data that comes after the live state has expired must find: the session''s start, its tabs, and which reports changed users, written at the end.';
		COMMENT ON COLUMN public.sessions.has_sequence IS
			'Whether openreplay.session_events holds the session''s events, all of them.';
		COMMENT ON COLUMN public.sessions.issue_types IS 'Distinct kinds of issues, written at the end.';
		COMMENT ON COLUMN public.sessions.referrer IS 'Of the first page that had one.';
		COMMENT ON COLUMN public.sessions.base_referrer IS 'referrer up to its question mark.';
		COMMENT ON COLUMN public.sessions.metadata_1 IS
			'Value of the slot that projects.metadata_1 names. Slots 2 to 10 likewise.';
	END IF;
	IF to_regclass('public.sessions_without_sequence_idx') IS NULL THEN
		-- sessions whose events are not in openreplay.session_events, which are few: those that go on
		CREATE INDEX sessions_without_sequence_idx ON public.sessions (project_id, session_id) WHERE NOT has_sequence;
	END IF;

	IF to_regclass('public.user_viewed_sessions') IS NULL THEN
		CREATE TABLE public.user_viewed_sessions (
			user_id    integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			session_id bigint NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
			PRIMARY KEY (user_id, session_id)
		);
		-- delete of a session
		CREATE INDEX ON public.user_viewed_sessions (session_id);
		COMMENT ON TABLE public.user_viewed_sessions IS 'Which user has watched which session.';
	END IF;

	IF to_regclass('public.user_favorite_sessions') IS NULL THEN
		CREATE TABLE public.user_favorite_sessions (
			user_id    integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			session_id bigint NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
			PRIMARY KEY (user_id, session_id)
		);
		-- delete of a session; what retention must keep
		CREATE INDEX ON public.user_favorite_sessions (session_id);
		COMMENT ON TABLE public.user_favorite_sessions IS 'Sessions a user has bookmarked; they outlive retention.';
	END IF;

	IF to_regclass('public.sessions_notes') IS NULL THEN
		CREATE TABLE public.sessions_notes (
			note_id    integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			message    text,
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			user_id    integer REFERENCES public.users ON DELETE SET NULL,
			deleted_at timestamp,
			tag        text,
			session_id bigint NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
			project_id integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			timestamp  integer NOT NULL DEFAULT -1,
			is_public  boolean NOT NULL DEFAULT false,
			start_at   integer,
			end_at     integer,
			thumbnail  text,
			updated_at timestamp
		);
		-- notes of a session
		CREATE INDEX ON public.sessions_notes (session_id);
		-- notes of a project, newest first
		CREATE INDEX ON public.sessions_notes (project_id, created_at DESC);
		-- notes of a user
		CREATE INDEX ON public.sessions_notes (user_id);
		COMMENT ON TABLE public.sessions_notes IS 'Notes and comments on a session.';
		COMMENT ON COLUMN public.sessions_notes.timestamp IS
			'Milliseconds from the start of the session; -1: the session as a whole.';
		COMMENT ON COLUMN public.sessions_notes.start_at IS 'Milliseconds from the start of the session.';
		COMMENT ON COLUMN public.sessions_notes.end_at IS 'Milliseconds from the start of the session.';
	END IF;

	IF to_regclass('public.assigned_sessions') IS NULL THEN
		CREATE TABLE public.assigned_sessions (
			session_id    bigint NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
			issue_id      text NOT NULL,
			provider      public.oauth_provider NOT NULL,
			created_by    integer NOT NULL,
			created_at    timestamp NOT NULL DEFAULT timezone('utc', now()),
			provider_data jsonb NOT NULL DEFAULT '{}'
		);
		-- issues filed for a session
		CREATE INDEX ON public.assigned_sessions (session_id);
		COMMENT ON TABLE public.assigned_sessions IS 'Sessions filed as issues in an external tracker.';
		COMMENT ON COLUMN public.assigned_sessions.issue_id IS 'Of the external tracker; not public.issues.';
	END IF;

	IF to_regclass('public.session_integrations') IS NULL THEN
		CREATE TABLE public.session_integrations (
			session_id bigint NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
			project_id integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			provider   text NOT NULL,
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			PRIMARY KEY (session_id, project_id, provider)
		);
		-- delete of a project
		CREATE INDEX ON public.session_integrations (project_id);
		COMMENT ON TABLE public.session_integrations IS
			'Marks that the external logs of a session have been fetched from a provider.';
	END IF;

	IF to_regclass('public.sessions_feature_flags') IS NULL THEN
		CREATE TABLE public.sessions_feature_flags (
			-- no foreign key: a tracker asks for flags right after its start, when the session's row may still be on its way
			session_id      bigint NOT NULL,
			feature_flag_id integer NOT NULL REFERENCES public.feature_flags ON DELETE CASCADE,
			condition_id    integer REFERENCES public.feature_flags_conditions ON DELETE SET NULL,
			PRIMARY KEY (session_id, feature_flag_id)
		);
		-- sessions that were given a flag
		CREATE INDEX ON public.sessions_feature_flags (feature_flag_id);
		-- delete of a condition
		CREATE INDEX ON public.sessions_feature_flags (condition_id);
		COMMENT ON TABLE public.sessions_feature_flags IS
			'Feature flags a session was given, with the condition that decided.';
	END IF;

	IF to_regclass('public.ut_tests_signals') IS NULL THEN
		CREATE TABLE public.ut_tests_signals (
			signal_id  integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			session_id bigint REFERENCES public.sessions ON DELETE SET NULL,
			test_id    integer NOT NULL REFERENCES public.ut_tests ON DELETE CASCADE,
			task_id    integer REFERENCES public.ut_tests_tasks ON DELETE CASCADE,
			status     public.ut_signal_status NOT NULL,
			comment    text,
			timestamp  bigint NOT NULL,
			duration   bigint
		);
		-- a signal counts once
		CREATE UNIQUE INDEX ut_tests_signals_unique_session_id_test_id_task_id_ts_idx
			ON public.ut_tests_signals (session_id, test_id, task_id, "timestamp");
		-- results of a test
		CREATE INDEX ON public.ut_tests_signals (test_id);
		-- results of a task
		CREATE INDEX ON public.ut_tests_signals (task_id);
		COMMENT ON TABLE public.ut_tests_signals IS
			'What a visitor did in a usability test: began, finished or skipped a task or the whole test.';
		COMMENT ON COLUMN public.ut_tests_signals.task_id IS 'Null: the test as a whole.';
		COMMENT ON COLUMN public.ut_tests_signals.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN public.ut_tests_signals.duration IS 'Milliseconds.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_sessions() IS
	'Creates the missing tables of sessions and of what people attach to them.';

-- ---- 3.5 Errors, issues and crashes -------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_distinct_things() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.errors') IS NULL THEN
		CREATE TABLE public.errors (
			error_id             text PRIMARY KEY,
			project_id           integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			source               public.error_source NOT NULL,
			name                 text,
			message              text NOT NULL,
			payload              jsonb NOT NULL,
			status               public.error_status NOT NULL DEFAULT 'unresolved',
			parent_error_id      text REFERENCES public.errors ON DELETE SET NULL,
			stacktrace           jsonb,
			stacktrace_parsed_at timestamp
		);
		-- errors of a project by source
		CREATE INDEX ON public.errors (project_id, source);
		-- errors of a project by status
		CREATE INDEX ON public.errors (project_id, status);
		-- errors merged into another
		CREATE INDEX ON public.errors (parent_error_id) WHERE parent_error_id IS NOT NULL;
		-- search by text of the error
		CREATE INDEX ON public.errors USING gin (message gin_trgm_ops, name gin_trgm_ops);
		COMMENT ON TABLE public.errors IS 'Distinct errors; occurrences are in events.errors.';
		COMMENT ON COLUMN public.errors.error_id IS 'Hash of project, source, name, message and first stack frame.';
		COMMENT ON COLUMN public.errors.payload IS 'Stack frames as the tracker sent them.';
		COMMENT ON COLUMN public.errors.stacktrace IS 'Stack frames mapped to the sources.';
		COMMENT ON COLUMN public.errors.parent_error_id IS 'The error this one was merged into.';
	END IF;

	IF to_regclass('public.user_favorite_errors') IS NULL THEN
		CREATE TABLE public.user_favorite_errors (
			user_id  integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			error_id text NOT NULL REFERENCES public.errors ON DELETE CASCADE,
			PRIMARY KEY (user_id, error_id)
		);
		-- delete of an error
		CREATE INDEX ON public.user_favorite_errors (error_id);
		COMMENT ON TABLE public.user_favorite_errors IS 'Errors a user has bookmarked.';
	END IF;

	IF to_regclass('public.user_viewed_errors') IS NULL THEN
		CREATE TABLE public.user_viewed_errors (
			user_id  integer NOT NULL REFERENCES public.users ON DELETE CASCADE,
			error_id text NOT NULL REFERENCES public.errors ON DELETE CASCADE,
			PRIMARY KEY (user_id, error_id)
		);
		-- delete of an error
		CREATE INDEX ON public.user_viewed_errors (error_id);
		COMMENT ON TABLE public.user_viewed_errors IS 'Errors a user has looked at.';
	END IF;

	IF to_regclass('public.issues') IS NULL THEN
		CREATE TABLE public.issues (
			issue_id       text PRIMARY KEY,
			project_id     integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			type           public.issue_type NOT NULL,
			context_string text NOT NULL,
			context        jsonb
		);
		-- issues of a project by kind
		CREATE INDEX ON public.issues (project_id, type);
		-- search by what the issue is about; a hash, because a URL can be long
		CREATE INDEX ON public.issues USING hash (context_string);
		COMMENT ON TABLE public.issues IS
			'Distinct issues: kind and context; occurrences are in events_common.issues.';
		COMMENT ON COLUMN public.issues.context_string IS 'What the issue is about: a label, a page or a whole URL.';
	END IF;

	IF to_regclass('public.crashes_ios') IS NULL THEN
		CREATE TABLE public.crashes_ios (
			crash_ios_id text PRIMARY KEY,
			project_id   integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			name         text NOT NULL,
			reason       text NOT NULL,
			stacktrace   text NOT NULL
		);
		-- crashes of a project
		CREATE INDEX ON public.crashes_ios (project_id);
		COMMENT ON TABLE public.crashes_ios IS
			'Distinct crashes of mobile applications; occurrences are in events_common.crashes.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_distinct_things() IS
	'Creates the missing tables of distinct errors, issues and crashes, which events refer to.';

-- ---- 3.6 Events of web sessions -----------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_web_events() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('events.pages') IS NULL THEN
		CREATE TABLE events.pages (
			session_id                  bigint NOT NULL,
			message_id                  bigint NOT NULL,
			timestamp                   bigint NOT NULL,
			host                        text NOT NULL,
			path                        text NOT NULL,
			query                       text,
			referrer                    text,
			base_referrer               text,
			dom_building_time           integer,
			dom_content_loaded_time     integer,
			load_time                   integer,
			first_paint_time            integer,
			first_contentful_paint_time integer,
			speed_index                 integer,
			visually_complete           integer,
			time_to_interactive         integer,
			response_time               bigint,
			response_end                bigint,
			ttfb                        integer,
			web_vitals                  text,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.pages USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the page, exact or partly known
		CREATE INDEX ON events.pages USING gin (path gin_trgm_ops);
		COMMENT ON TABLE events.pages IS
			'Page views with their timings. A timing that was not measured is null, never 0.';
		COMMENT ON COLUMN events.pages.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.pages.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.pages.query IS 'Without the question mark.';
		COMMENT ON COLUMN events.pages.response_time IS 'Milliseconds from the start to the end of the answer.';
		COMMENT ON COLUMN events.pages.response_end IS 'Milliseconds since navigation start.';
		COMMENT ON COLUMN events.pages.ttfb IS 'Milliseconds from the request to the first byte of its answer.';
		COMMENT ON COLUMN events.pages.web_vitals IS 'Vitals as JSON text, written when they arrive.';
	END IF;

	IF to_regclass('events.clicks') IS NULL THEN
		CREATE TABLE events.clicks (
			session_id   bigint NOT NULL,
			message_id   bigint NOT NULL,
			timestamp    bigint NOT NULL,
			label        text,
			url          text NOT NULL DEFAULT '',
			path         text,
			selector     text NOT NULL DEFAULT '',
			hesitation   integer,
			normalized_x numeric,
			normalized_y numeric,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.clicks USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the label, heat maps of a page
		CREATE INDEX ON events.clicks USING gin (label gin_trgm_ops, path gin_trgm_ops);
		COMMENT ON TABLE events.clicks IS 'Clicks on labelled elements.';
		COMMENT ON COLUMN events.clicks.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.clicks.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.clicks.url IS 'Host and path.';
		COMMENT ON COLUMN events.clicks.selector IS 'CSS selector of the element.';
		COMMENT ON COLUMN events.clicks.hesitation IS 'Milliseconds the pointer rested before the click.';
		COMMENT ON COLUMN events.clicks.normalized_x IS 'Percent of the width of the document.';
		COMMENT ON COLUMN events.clicks.normalized_y IS 'Percent of the height of the document.';
	END IF;

	IF to_regclass('events.inputs') IS NULL THEN
		CREATE TABLE events.inputs (
			session_id bigint NOT NULL,
			message_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			label      text,
			value      text,
			duration   integer,
			hesitation integer,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.inputs USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the field
		CREATE INDEX ON events.inputs USING gin (label gin_trgm_ops);
		COMMENT ON TABLE events.inputs IS 'Changes of form fields.';
		COMMENT ON COLUMN events.inputs.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.inputs.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.inputs.duration IS 'Milliseconds.';
		COMMENT ON COLUMN events.inputs.hesitation IS 'Milliseconds before the first change.';
	END IF;

	IF to_regclass('events.errors') IS NULL THEN
		CREATE TABLE events.errors (
			session_id bigint NOT NULL,
			message_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			error_id   text NOT NULL,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.errors USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- occurrences of an error over time
		CREATE INDEX ON events.errors (error_id, "timestamp");
		COMMENT ON TABLE events.errors IS 'Occurrences of errors.';
		COMMENT ON COLUMN events.errors.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.errors.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
	END IF;

	IF to_regclass('public.errors_tags') IS NULL THEN
		CREATE TABLE public.errors_tags (
			key        text NOT NULL,
			value      text NOT NULL,
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			error_id   text NOT NULL,
			session_id bigint NOT NULL,
			message_id bigint NOT NULL
		) PARTITION BY RANGE (session_id);
		-- tags of an occurrence; delete of a session
		CREATE INDEX ON public.errors_tags (session_id, message_id);
		-- tags of an error
		CREATE INDEX ON public.errors_tags (error_id);
		COMMENT ON TABLE public.errors_tags IS 'Key and value pairs attached to an occurrence of an error.';
		COMMENT ON COLUMN public.errors_tags.message_id IS
			'Together with session_id the occurrence in events.errors.';
	END IF;

	IF to_regclass('events.performance') IS NULL THEN
		CREATE TABLE events.performance (
			session_id             bigint NOT NULL,
			timestamp              bigint NOT NULL,
			message_id             bigint NOT NULL,
			host                   text,
			path                   text,
			query                  text,
			min_fps                smallint NOT NULL,
			avg_fps                smallint NOT NULL,
			max_fps                smallint NOT NULL,
			min_cpu                smallint NOT NULL,
			avg_cpu                smallint NOT NULL,
			max_cpu                smallint NOT NULL,
			min_total_js_heap_size bigint NOT NULL,
			avg_total_js_heap_size bigint NOT NULL,
			max_total_js_heap_size bigint NOT NULL,
			min_used_js_heap_size  bigint NOT NULL,
			avg_used_js_heap_size  bigint NOT NULL,
			max_used_js_heap_size  bigint NOT NULL,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.performance USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		COMMENT ON TABLE events.performance IS
			'Frame rate, processor load and heap of a page, summed up over about two minutes.';
		COMMENT ON COLUMN events.performance.timestamp IS 'Middle of the measured time, epoch milliseconds.';
		COMMENT ON COLUMN events.performance.message_id IS
			'Middle of the measured time, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.performance.avg_cpu IS 'Percent.';
		COMMENT ON COLUMN events.performance.avg_used_js_heap_size IS 'Bytes.';
	END IF;

	IF to_regclass('events.resources') IS NULL THEN
		CREATE TABLE events.resources (
			session_id        bigint NOT NULL,
			message_id        bigint NOT NULL,
			timestamp         bigint NOT NULL,
			duration          bigint,
			type              events.resource_type NOT NULL,
			url               text NOT NULL,
			url_host          text NOT NULL,
			url_hostpath      text NOT NULL,
			success           boolean NOT NULL,
			status            smallint,
			method            events.resource_method,
			ttfb              bigint,
			header_size       bigint,
			encoded_body_size integer,
			decoded_body_size integer,
			PRIMARY KEY (session_id, message_id, timestamp)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.resources USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- images that failed to load
		CREATE INDEX ON events.resources (session_id, "timestamp") WHERE NOT success;
		COMMENT ON TABLE events.resources IS 'Files a page loaded, with their timings.';
		COMMENT ON COLUMN events.resources.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.resources.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.resources.duration IS 'Milliseconds.';
		COMMENT ON COLUMN events.resources.success IS 'Whether a duration was measured.';
		COMMENT ON COLUMN events.resources.header_size IS 'Bytes.';
		COMMENT ON COLUMN events.resources.encoded_body_size IS 'Bytes.';
		COMMENT ON COLUMN events.resources.decoded_body_size IS 'Bytes.';
		COMMENT ON COLUMN events.resources.ttfb IS 'Milliseconds.';
	END IF;

	IF to_regclass('events.graphql') IS NULL THEN
		CREATE TABLE events.graphql (
			session_id    bigint NOT NULL,
			message_id    bigint NOT NULL,
			timestamp     bigint NOT NULL,
			name          text NOT NULL,
			request_body  text,
			response_body text,
			method        public.http_method,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events.graphql USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the operation
		CREATE INDEX ON events.graphql USING gin (name gin_trgm_ops);
		COMMENT ON TABLE events.graphql IS 'GraphQL operations.';
		COMMENT ON COLUMN events.graphql.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.graphql.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
		COMMENT ON COLUMN events.graphql.request_body IS 'Only if the project saves payloads.';
	END IF;

	IF to_regclass('events.state_actions') IS NULL THEN
		CREATE TABLE events.state_actions (
			session_id bigint NOT NULL,
			message_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			name       text NOT NULL,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- filters on the action
		CREATE INDEX ON events.state_actions USING gin (name gin_trgm_ops);
		COMMENT ON TABLE events.state_actions IS 'Actions dispatched to a state store such as Redux.';
		COMMENT ON COLUMN events.state_actions.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.state_actions.message_id IS
			'Index of the message in its tab, plus the tab''s ordinal times 2^48.';
	END IF;

	IF to_regclass('events.tags') IS NULL THEN
		CREATE TABLE events.tags (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			tag_id     integer NOT NULL,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- sessions that saw an element
		CREATE INDEX ON events.tags (tag_id, "timestamp");
		COMMENT ON TABLE events.tags IS 'Named elements (public.tags) that were seen.';
		COMMENT ON COLUMN events.tags.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events.tags.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events.canvas_recordings') IS NULL THEN
		CREATE TABLE events.canvas_recordings (
			session_id   bigint NOT NULL,
			recording_id text NOT NULL,
			timestamp    bigint NOT NULL,
			PRIMARY KEY (session_id, recording_id)
		) PARTITION BY RANGE (session_id);
		COMMENT ON TABLE events.canvas_recordings IS 'Canvas elements that were recorded as images.';
		COMMENT ON COLUMN events.canvas_recordings.recording_id IS
			'Timestamp, underscore and node id: the name of the stored images.';
		COMMENT ON COLUMN events.canvas_recordings.timestamp IS 'Epoch milliseconds.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_web_events() IS 'Creates the missing event tables of web sessions.';

-- ---- 3.7 Events of all and of mobile sessions ---------------------------------------------------------------------

CREATE FUNCTION openreplay.install_common_events() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('events_common.requests') IS NULL THEN
		CREATE TABLE events_common.requests (
			session_id    bigint NOT NULL,
			timestamp     bigint NOT NULL,
			seq_index     integer NOT NULL,
			url           text NOT NULL,
			duration      integer NOT NULL,
			success       boolean NOT NULL,
			request_body  text,
			response_body text,
			status_code   smallint,
			method        public.http_method,
			host          text,
			path          text,
			query         text,
			transfer_size bigint,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events_common.requests USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the path
		CREATE INDEX ON events_common.requests USING gin (path gin_trgm_ops);
		-- cards and filters on failed requests
		CREATE INDEX ON events_common.requests (session_id, "timestamp") WHERE NOT success;
		COMMENT ON TABLE events_common.requests IS 'Requests a page or application made.';
		COMMENT ON COLUMN events_common.requests.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_common.requests.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
		COMMENT ON COLUMN events_common.requests.duration IS 'Milliseconds.';
		COMMENT ON COLUMN events_common.requests.success IS 'Status below 400.';
		COMMENT ON COLUMN events_common.requests.request_body IS 'Only if the project saves payloads.';
		COMMENT ON COLUMN events_common.requests.transfer_size IS 'Bytes.';
	END IF;

	IF to_regclass('events_common.customs') IS NULL THEN
		CREATE TABLE events_common.customs (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			name       text NOT NULL,
			payload    jsonb NOT NULL,
			level      events_common.custom_level NOT NULL DEFAULT 'info',
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events_common.customs USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- filters on the name
		CREATE INDEX ON events_common.customs USING gin (name gin_trgm_ops);
		COMMENT ON TABLE events_common.customs IS 'Events the site or application reported itself.';
		COMMENT ON COLUMN events_common.customs.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_common.customs.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
		COMMENT ON COLUMN events_common.customs.level IS 'error for events reported as issues.';
	END IF;

	IF to_regclass('events_common.issues') IS NULL THEN
		CREATE TABLE events_common.issues (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			issue_id   text NOT NULL,
			payload    jsonb,
			-- two issues may begin with one message: a click that is dead and the first of a rage
			PRIMARY KEY (session_id, timestamp, seq_index, issue_id)
		) PARTITION BY RANGE (session_id);
		-- a time range in plain SQL: nearly free to write, since rows come in the order of time
		CREATE INDEX ON events_common.issues USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		-- occurrences of an issue over time
		CREATE INDEX ON events_common.issues (issue_id, "timestamp");
		COMMENT ON TABLE events_common.issues IS 'Occurrences of issues.';
		COMMENT ON COLUMN events_common.issues.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_common.issues.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_common.crashes') IS NULL THEN
		CREATE TABLE events_common.crashes (
			session_id   bigint NOT NULL,
			timestamp    bigint NOT NULL,
			seq_index    integer NOT NULL,
			crash_ios_id text,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- occurrences of a crash over time
		CREATE INDEX ON events_common.crashes (crash_ios_id, "timestamp");
		COMMENT ON TABLE events_common.crashes IS 'Occurrences of crashes.';
		COMMENT ON COLUMN events_common.crashes.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_common.crashes.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_ios.taps') IS NULL THEN
		CREATE TABLE events_ios.taps (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			label      text NOT NULL,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- filters on the label
		CREATE INDEX ON events_ios.taps USING gin (label gin_trgm_ops);
		COMMENT ON TABLE events_ios.taps IS 'Taps in mobile applications.';
		COMMENT ON COLUMN events_ios.taps.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_ios.taps.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_ios.inputs') IS NULL THEN
		CREATE TABLE events_ios.inputs (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			label      text NOT NULL,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- filters on the label
		CREATE INDEX ON events_ios.inputs USING gin (label gin_trgm_ops);
		COMMENT ON TABLE events_ios.inputs IS 'Changes of form fields in mobile applications.';
		COMMENT ON COLUMN events_ios.inputs.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_ios.inputs.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_ios.swipes') IS NULL THEN
		CREATE TABLE events_ios.swipes (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			label      text NOT NULL,
			direction  text NOT NULL,
			x          integer,
			y          integer,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- filters on the label
		CREATE INDEX ON events_ios.swipes USING gin (label gin_trgm_ops);
		COMMENT ON TABLE events_ios.swipes IS 'Swipes in mobile applications.';
		COMMENT ON COLUMN events_ios.swipes.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_ios.swipes.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_ios.views') IS NULL THEN
		CREATE TABLE events_ios.views (
			session_id bigint NOT NULL,
			timestamp  bigint NOT NULL,
			seq_index  integer NOT NULL,
			name       text NOT NULL,
			PRIMARY KEY (session_id, timestamp, seq_index)
		) PARTITION BY RANGE (session_id);
		-- filters on the name
		CREATE INDEX ON events_ios.views USING gin (name gin_trgm_ops);
		COMMENT ON TABLE events_ios.views IS 'Views that mobile applications showed.';
		COMMENT ON COLUMN events_ios.views.timestamp IS 'Epoch milliseconds.';
		COMMENT ON COLUMN events_ios.views.seq_index IS 'Index of the message in its tab, folded to 31 bits.';
	END IF;

	IF to_regclass('events_ios.performance') IS NULL THEN
		CREATE TABLE events_ios.performance (
			session_id  bigint NOT NULL,
			message_id  bigint NOT NULL,
			timestamp   bigint NOT NULL,
			min_fps     smallint,
			avg_fps     smallint,
			max_fps     smallint,
			min_cpu     smallint,
			avg_cpu     smallint,
			max_cpu     smallint,
			min_memory  bigint,
			avg_memory  bigint,
			max_memory  bigint,
			min_battery smallint,
			avg_battery smallint,
			max_battery smallint,
			PRIMARY KEY (session_id, message_id)
		) PARTITION BY RANGE (session_id);
		-- charts over a time range
		CREATE INDEX ON events_ios.performance USING brin ("timestamp" int8_minmax_multi_ops) WITH (autosummarize);
		COMMENT ON TABLE events_ios.performance IS
			'Frame rate, processor, memory and battery of an app, each row for at most a quarter of an hour. What was not measured is NULL.';
		COMMENT ON COLUMN events_ios.performance.timestamp IS 'Middle of that time, epoch milliseconds.';
		COMMENT ON COLUMN events_ios.performance.message_id IS
			'The same, plus the tab''s ordinal times 2^48: a summary is of no message.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_common_events() IS
	'Creates the missing event tables that web and mobile sessions share, and those of mobile sessions.';

-- ---- 3.8 Cards, dashboards, alerts --------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_dashboards() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.metrics') IS NULL THEN
		CREATE TABLE public.metrics (
			metric_id      integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id     integer REFERENCES public.projects ON DELETE CASCADE,
			user_id        integer REFERENCES public.users ON DELETE SET NULL,
			name           text NOT NULL,
			is_public      boolean NOT NULL DEFAULT true,
			created_at     timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at     timestamp,
			edited_at      timestamp NOT NULL DEFAULT timezone('utc', now()),
			metric_type    text NOT NULL DEFAULT 'timeseries',
			view_type      text NOT NULL DEFAULT 'lineChart',
			metric_of      text NOT NULL DEFAULT 'sessionCount',
			metric_value   text[] NOT NULL DEFAULT '{}',
			metric_format  text,
			thumbnail      text,
			is_pinned      boolean NOT NULL DEFAULT false,
			default_config jsonb NOT NULL DEFAULT '{"col": 2, "row": 2, "position": 0}',
			data           jsonb,
			card_info      jsonb
		);
		-- cards of a project
		CREATE INDEX ON public.metrics (project_id);
		-- a user's own and shared cards
		CREATE INDEX ON public.metrics (user_id, is_public);
		COMMENT ON TABLE public.metrics IS
			'Cards: what a chart, table, funnel or journey measures and how it is shown.';
		COMMENT ON COLUMN public.metrics.metric_of IS 'What is measured.';
		COMMENT ON COLUMN public.metrics.metric_type IS
			'timeseries, table, funnel, errors, performance, resources, webVitals, pathAnalysis, retention, stickiness, heatMap '
			'or insights.';
		COMMENT ON COLUMN public.metrics.metric_value IS 'Further choice, such as kinds of issues.';
		COMMENT ON COLUMN public.metrics.metric_format IS 'sessionCount or userCount.';
		COMMENT ON COLUMN public.metrics.default_config IS 'Size and place on a dashboard.';
		COMMENT ON COLUMN public.metrics.card_info IS 'Options of journeys: start point, excluded pages.';
	END IF;

	IF to_regclass('public.metric_series') IS NULL THEN
		CREATE TABLE public.metric_series (
			series_id  integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			metric_id  integer REFERENCES public.metrics ON DELETE CASCADE,
			index      integer NOT NULL,
			name       text,
			filter     jsonb NOT NULL,
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at timestamp
		);
		-- series of a card
		CREATE INDEX ON public.metric_series (metric_id);
		COMMENT ON TABLE public.metric_series IS 'Series of a card, each with its filters.';
		COMMENT ON COLUMN public.metric_series.index IS 'Order of display.';
	END IF;

	IF to_regclass('public.dashboards') IS NULL THEN
		CREATE TABLE public.dashboards (
			dashboard_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id   integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_id      integer REFERENCES public.users ON DELETE SET NULL,
			name         text NOT NULL,
			description  text NOT NULL DEFAULT '',
			is_public    boolean NOT NULL DEFAULT true,
			is_pinned    boolean NOT NULL DEFAULT false,
			created_at   timestamp NOT NULL DEFAULT timezone('utc', now()),
			deleted_at   timestamp
		);
		-- dashboards of a project
		CREATE INDEX ON public.dashboards (project_id);
		-- delete of a user
		CREATE INDEX ON public.dashboards (user_id);
		COMMENT ON TABLE public.dashboards IS 'Boards of cards.';
	END IF;

	IF to_regclass('public.dashboard_widgets') IS NULL THEN
		CREATE TABLE public.dashboard_widgets (
			widget_id    integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			dashboard_id integer NOT NULL REFERENCES public.dashboards ON DELETE CASCADE,
			metric_id    integer NOT NULL REFERENCES public.metrics ON DELETE CASCADE,
			user_id      integer REFERENCES public.users ON DELETE SET NULL,
			created_at   timestamp NOT NULL DEFAULT timezone('utc', now()),
			config       jsonb NOT NULL DEFAULT '{}'
		);
		-- widgets of a dashboard
		CREATE INDEX ON public.dashboard_widgets (dashboard_id);
		-- delete of a card
		CREATE INDEX ON public.dashboard_widgets (metric_id);
		-- delete of a user
		CREATE INDEX ON public.dashboard_widgets (user_id);
		COMMENT ON TABLE public.dashboard_widgets IS 'A card on a dashboard, with its place and size there.';
		COMMENT ON COLUMN public.dashboard_widgets.config IS 'Overrides the card''s default_config.';
	END IF;

	IF to_regclass('public.alerts') IS NULL THEN
		CREATE TABLE public.alerts (
			alert_id         integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			project_id       integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			series_id        integer REFERENCES public.metric_series ON DELETE CASCADE,
			name             text NOT NULL,
			description      text,
			active           boolean NOT NULL DEFAULT true,
			detection_method public.alert_detection_method NOT NULL,
			change           public.alert_change_type NOT NULL DEFAULT 'change',
			query            jsonb NOT NULL,
			deleted_at       timestamp,
			created_at       timestamp NOT NULL DEFAULT timezone('utc', now()),
			options          jsonb NOT NULL DEFAULT '{"renotifyInterval": 1440}'
		);
		-- alerts of a project
		CREATE INDEX ON public.alerts (project_id);
		-- delete of a series
		CREATE INDEX ON public.alerts (series_id);
		COMMENT ON TABLE public.alerts IS 'Watched figures: who is told when a figure of a project crosses a limit.';
		COMMENT ON COLUMN public.alerts.query IS 'left: the watched figure, operator, right: the limit.';
		COMMENT ON COLUMN public.alerts.options IS
			'currentPeriod, previousPeriod, renotifyInterval: minutes; lastNotification: epoch milliseconds; message: receivers.';
		COMMENT ON COLUMN public.alerts.series_id IS 'The watched series, when it is one of a card.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_dashboards() IS 'Creates the missing tables of cards, dashboards and alerts.';

-- ---- 3.9 Screen recordings ----------------------------------------------------------------------------------------

CREATE FUNCTION openreplay.install_spots() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('spots.spots') IS NULL THEN
		CREATE TABLE spots.spots (
			spot_id    bigint PRIMARY KEY,
			name       text NOT NULL,
			user_id    bigint NOT NULL REFERENCES public.users ON DELETE CASCADE,
			tenant_id  bigint NOT NULL,
			duration   integer NOT NULL,
			crop       integer[],
			comments   text[],
			status     text DEFAULT 'pending',
			created_at timestamp NOT NULL DEFAULT timezone('utc', now()),
			updated_at timestamp,
			deleted_at timestamp
		);
		-- spots of a user
		CREATE INDEX ON spots.spots (user_id);
		COMMENT ON TABLE spots.spots IS 'Screen recordings made with the browser extension.';
		COMMENT ON COLUMN spots.spots.duration IS 'Milliseconds.';
		COMMENT ON COLUMN spots.spots.crop IS 'Null or the two bounds in milliseconds.';
		COMMENT ON COLUMN spots.spots.status IS 'pending, then processed.';
	END IF;

	IF to_regclass('spots.keys') IS NULL THEN
		CREATE TABLE spots.keys (
			spot_key   text PRIMARY KEY,
			spot_id    bigint NOT NULL UNIQUE REFERENCES spots.spots ON DELETE CASCADE,
			user_id    bigint NOT NULL,
			expiration bigint NOT NULL,
			expired_at timestamp NOT NULL,
			created_at timestamp NOT NULL,
			updated_at timestamp
		);
		COMMENT ON TABLE spots.keys IS 'Public links to screen recordings.';
	END IF;

	IF to_regclass('spots.streams') IS NULL THEN
		CREATE TABLE spots.streams (
			spot_id           bigint PRIMARY KEY REFERENCES spots.spots ON DELETE CASCADE,
			original_playlist text NOT NULL,
			modified_playlist text NOT NULL,
			created_at        timestamp NOT NULL,
			expired_at        timestamp NOT NULL
		);
		COMMENT ON TABLE spots.streams IS 'Playlists of screen recordings.';
	END IF;

	IF to_regclass('spots.tasks') IS NULL THEN
		CREATE TABLE spots.tasks (
			spot_id    bigint PRIMARY KEY REFERENCES spots.spots ON DELETE CASCADE,
			duration   integer NOT NULL,
			crop       integer[],
			status     text NOT NULL,
			error      text,
			added_time timestamp NOT NULL
		);
		COMMENT ON TABLE spots.tasks IS 'Screen recordings that wait to be transcoded, oldest first.';
		COMMENT ON COLUMN spots.tasks.duration IS 'Milliseconds.';
		COMMENT ON COLUMN spots.tasks.crop IS 'Null or the two bounds in milliseconds.';
		COMMENT ON COLUMN spots.tasks.status IS 'pending, or failed with its error.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_spots() IS
	'Creates the missing tables of screen recordings made with the browser extension.';

-- ---- 3.10 Months --------------------------------------------------------------------------------------------------

CREATE FUNCTION openreplay.session_id_at(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT (floor(extract(epoch FROM moment) * 1000)::bigint - 1550000000000) << 24
$$;
COMMENT ON FUNCTION openreplay.session_id_at(timestamptz) IS
	'The smallest id of a session that began at this moment or later. '
	'Bounding session_id with it lets a time range skip months.';

CREATE FUNCTION openreplay.session_time(session_id bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT timestamptz 'epoch' + ((session_id >> 24) + 1550000000000) * interval '1 millisecond'
$$;
COMMENT ON FUNCTION openreplay.session_time(bigint) IS 'The moment a session id was given, to the millisecond.';

CREATE FUNCTION openreplay.session_tables() RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.oid::regclass
	FROM pg_partitioned_table p
	JOIN pg_class c ON c.oid = p.partrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
	WHERE p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = 'session_id' AND NOT c.relispartition
		AND (n.nspname IN ('events', 'events_common', 'events_ios', 'openreplay')
			OR c.oid IN (to_regclass('public.sessions'), to_regclass('public.errors_tags')))
	ORDER BY c.oid
$$;
COMMENT ON FUNCTION openreplay.session_tables() IS
	'The tables that are partitioned by session_id: sessions and everything recorded with them.';

CREATE FUNCTION openreplay.missing_session_partitions(from_time timestamptz, months_ahead integer,
	OUT parent regclass, OUT partition text, OUT first_moment timestamptz, OUT end_moment timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.oid::regclass, name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
	FROM generate_series(date_trunc('month', from_time AT TIME ZONE 'UTC'),
			date_trunc('month', from_time AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
			interval '1 month') AS month,
		openreplay.session_tables() AS t (oid)
		JOIN pg_class c ON c.oid = t.oid
		JOIN pg_namespace n ON n.oid = c.relnamespace,
		format('%I.%I', n.nspname, c.relname || to_char(month, '_YYYY_MM')) AS name
	WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid AND i.inhrelid = to_regclass(name))
	ORDER BY month, c.oid
$$;
COMMENT ON FUNCTION openreplay.missing_session_partitions(timestamptz, integer) IS
	'The monthly partitions that ensure_session_partitions would create.';

/*
 * A partition is built beside its parent and attached when it is complete: ATTACH waits for nobody who reads or writes
 * the parent, CREATE ... PARTITION OF would wait for every open SELECT. There is no default partition, as it would have
 * to be searched at each ATTACH.
 */
CREATE FUNCTION openreplay.ensure_session_partitions(from_time timestamptz DEFAULT now(), months_ahead integer DEFAULT 2)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
SET lock_timeout = '5s' AS $$
DECLARE
	missing record;
	created integer := 0;
BEGIN
	IF from_time IS NULL OR from_time < '2019-02-12 19:33:20+00' OR from_time > now() + interval '1 day' THEN
		RAISE EXCEPTION 'no session can have begun at %', coalesce(from_time::text, 'an unknown time')
			USING ERRCODE = 'datetime_field_overflow',
				HINT = 'Session ids count from 2019-02-12 19:33:20 UTC, and at most a day into the future.';
	END IF;
	IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
		RAISE EXCEPTION 'months_ahead must be between 0 and 120' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF NOT EXISTS (SELECT FROM openreplay.missing_session_partitions(from_time, months_ahead)) THEN
		RETURN 0;
	END IF;

	-- One at a time; who had to wait looks again.
	PERFORM set_config('lock_timeout', '60s', true);
	PERFORM pg_advisory_xact_lock(hashtextextended('openreplay.ensure_session_partitions', 0));
	PERFORM set_config('lock_timeout', '5s', true);
	FOR missing IN SELECT * FROM openreplay.missing_session_partitions(from_time, months_ahead)
	LOOP
		IF to_regclass(missing.partition) IS NULL THEN
			EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', missing.partition, missing.parent);
		END IF;
		IF missing.parent = to_regclass('public.sessions') THEN
			PERFORM openreplay.bound_start_ts(missing.partition, missing.first_moment, missing.end_moment);
		END IF;
		EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', missing.parent, missing.partition,
			openreplay.session_id_at(missing.first_moment), openreplay.session_id_at(missing.end_moment));
		created := created + 1;
	END LOOP;
	RETURN created;
END
$$;
COMMENT ON FUNCTION openreplay.ensure_session_partitions(timestamptz, integer) IS
	'Creates the missing monthly partitions of sessions and event tables, from the month of the given time on; '
	'returns how many. Safe to run at any time and from several sessions.';

CREATE FUNCTION openreplay.bound_start_ts(partition text, first_moment timestamptz, end_moment timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- A tracker may say that the visit began up to a day before it got its id, never later than that.
	IF NOT EXISTS (SELECT FROM pg_constraint
				   WHERE conrelid = partition::regclass AND contype = 'c' AND conname = 'start_ts_in_month')
	THEN
		EXECUTE format('ALTER TABLE %s ADD CONSTRAINT start_ts_in_month CHECK (start_ts >= %s AND start_ts < %s)', partition,
			(extract(epoch FROM first_moment - interval '24 hours') * 1000)::bigint,
			(extract(epoch FROM end_moment) * 1000)::bigint);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.bound_start_ts(text, timestamptz, timestamptz) IS
	'Tells the planner which start_ts a month of sessions can hold, so that ranges of start_ts skip months too.';

-- ---- 3.11 What holds the tables together --------------------------------------------------------------------------

/*
 * Event tables have no foreign keys (each would cost a look-up an event), so a deleted session takes its rows along
 * here. Plans are made for the very session, which locks one month instead of all.
 */
CREATE FUNCTION openreplay.delete_session_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	valid_until timestamptz;
BEGIN
	-- what the pipeline commits meanwhile must be seen and deleted, too
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION 'sessions cannot be deleted in a % transaction', current_setting('transaction_isolation')
			USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
	END IF;
	DELETE FROM events.pages WHERE session_id = OLD.session_id;
	DELETE FROM events.clicks WHERE session_id = OLD.session_id;
	DELETE FROM events.inputs WHERE session_id = OLD.session_id;
	DELETE FROM events.errors WHERE session_id = OLD.session_id;
	DELETE FROM public.errors_tags WHERE session_id = OLD.session_id;
	DELETE FROM events.performance WHERE session_id = OLD.session_id;
	DELETE FROM events.resources WHERE session_id = OLD.session_id;
	DELETE FROM events.graphql WHERE session_id = OLD.session_id;
	DELETE FROM events.state_actions WHERE session_id = OLD.session_id;
	DELETE FROM events.tags WHERE session_id = OLD.session_id;
	DELETE FROM events.canvas_recordings WHERE session_id = OLD.session_id;
	DELETE FROM events_common.requests WHERE session_id = OLD.session_id;
	DELETE FROM events_common.customs WHERE session_id = OLD.session_id;
	DELETE FROM events_common.issues WHERE session_id = OLD.session_id;
	DELETE FROM events_common.crashes WHERE session_id = OLD.session_id;
	DELETE FROM events_ios.taps WHERE session_id = OLD.session_id;
	DELETE FROM events_ios.inputs WHERE session_id = OLD.session_id;
	DELETE FROM events_ios.swipes WHERE session_id = OLD.session_id;
	DELETE FROM events_ios.views WHERE session_id = OLD.session_id;
	DELETE FROM events_ios.performance WHERE session_id = OLD.session_id;
	DELETE FROM openreplay.session_events WHERE project_id = OLD.project_id AND session_id = OLD.session_id;
	DELETE FROM public.sessions_feature_flags WHERE session_id = OLD.session_id;
	-- while its token is valid more may arrive, and a day longer what lay in a server's spool
	DELETE FROM openreplay.live_sessions WHERE session_id = OLD.session_id RETURNING expires_at INTO valid_until;
	IF valid_until IS NOT NULL THEN
		INSERT INTO openreplay.deleted_sessions (session_id, expires_at) VALUES (OLD.session_id, valid_until + interval '1 day')
		ON CONFLICT (session_id) DO NOTHING;
	END IF;
	PERFORM openreplay.queue_removal(ARRAY[OLD.session_id]);
	DELETE FROM openreplay.stored_recordings WHERE session_id = OLD.session_id;
	DELETE FROM openreplay.parked_batches WHERE session_id = OLD.session_id;
	DELETE FROM openreplay.broken_batch_log WHERE session_id = OLD.session_id;
	DELETE FROM openreplay.batches WHERE session_id = OLD.session_id
		AND received_at >= openreplay.session_time(OLD.session_id) - interval '1 day';
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION openreplay.delete_session_events() IS
	'Row trigger on sessions: deletes what was recorded with the session from every table, queues the removal of what storage holds of it, and leaves a tombstone as long as more may arrive.';

CREATE FUNCTION openreplay.install_links() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	key_column record;
	link record;
BEGIN
	FOR key_column IN
		SELECT a.attrelid::regclass AS table_name, a.attname AS column_name
		FROM (VALUES
			('public.tenants', 'tenant_key'),
			('public.tenants', 'api_key'),
			('public.users', 'api_key'),
			('public.projects', 'project_key')
		) AS k (table_name, column_name)
		JOIN pg_attribute a ON a.attrelid = to_regclass(k.table_name) AND a.attname = k.column_name AND NOT a.atthasdef
	LOOP
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT public.generate_api_key(20)',
			key_column.table_name, key_column.column_name);
	END LOOP;

	FOR link IN
		SELECT * FROM (VALUES
			('public.projects', 'on_insert_or_update', 'INSERT OR UPDATE', 'ROW', 'public.notify_project'),
			('public.projects', 'on_removal', 'DELETE OR TRUNCATE', 'STATEMENT', 'openreplay.notify_snapshot'),
			('public.tags', 'on_change', 'INSERT OR UPDATE OR DELETE OR TRUNCATE', 'STATEMENT', 'openreplay.notify_snapshot'),
			('public.projects_conditions', 'on_change', 'INSERT OR UPDATE OR DELETE OR TRUNCATE', 'STATEMENT', 'openreplay.notify_snapshot'),
			('public.integrations', 'on_insert_or_update_or_delete', 'INSERT OR UPDATE OR DELETE', 'ROW', 'public.notify_integration'),
			('public.alerts', 'on_insert_or_update_or_delete', 'INSERT OR UPDATE OR DELETE', 'ROW', 'public.notify_alert'),
			('public.sessions', 'on_delete', 'DELETE', 'ROW', 'openreplay.delete_session_events')
		) AS l (table_name, trigger_name, events, level, function_name)
		WHERE NOT EXISTS (SELECT FROM pg_trigger t
						  WHERE t.tgrelid = to_regclass(l.table_name) AND t.tgname = l.trigger_name)
	LOOP
		EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION %s()',
			link.trigger_name, link.events, link.table_name, link.level, link.function_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.install_links() IS
	'Adds the defaults and triggers that use functions of the extension; '
	'DROP EXTENSION ... CASCADE takes them away from tables that stay.';

CREATE FUNCTION openreplay.grant_tables(table_names text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	table_name text;
	secret_columns text[];
	columns text;
	sequence_name text;
BEGIN
	FOREACH table_name IN ARRAY table_names
	LOOP
		EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO openreplay_admin', table_name);
		FOR sequence_name IN
			SELECT pg_get_serial_sequence(table_name, attname)
			FROM pg_attribute
			WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped
				AND pg_get_serial_sequence(table_name, attname) IS NOT NULL
		LOOP
			EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO openreplay_admin', sequence_name);
		END LOOP;

		-- Dashboards need no credentials.
		CONTINUE WHEN table_name = 'public.basic_authentication';
		secret_columns := CASE table_name
			WHEN 'public.tenants' THEN '{api_key, license}'
			WHEN 'public.users' THEN '{api_key, jwt_iat, jwt_refresh_jti, jwt_refresh_iat,
				spot_jwt_iat, spot_jwt_refresh_jti, spot_jwt_refresh_iat}'
			WHEN 'public.oauth_authentication' THEN '{token}'
			WHEN 'public.jira_cloud' THEN '{token}'
			WHEN 'public.integrations' THEN '{options, request_data}'
			WHEN 'public.webhooks' THEN '{endpoint, auth_header}'
			WHEN 'spots.keys' THEN '{spot_key}'
		END;
		IF secret_columns IS NULL THEN
			EXECUTE format('GRANT SELECT ON %s TO openreplay_reader', table_name);
			CONTINUE;
		END IF;
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
		FROM pg_attribute
		WHERE attrelid = table_name::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (secret_columns);
		EXECUTE format('GRANT SELECT (%s) ON %s TO openreplay_reader', columns, table_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.grant_tables(text[]) IS
	'Gives openreplay_admin the rows and openreplay_reader all but the credentials of newly created product tables.';

-- ==== 4. Lanes and batches =========================================================================================

CREATE FUNCTION openreplay.wake_workers() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'openreplay_wake_workers';
COMMENT ON FUNCTION openreplay.wake_workers() IS 'Wakes the pipeline workers when the inserting transaction commits.';

CREATE FUNCTION openreplay.shard_of(session_id bigint) RETURNS smallint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_shard_of';
COMMENT ON FUNCTION openreplay.shard_of(bigint) IS 'The shard (0 to 63) that all lanes keep a session in.';

CREATE FUNCTION openreplay.start() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.pipeline (system_identifier, database_oid)
	SELECT (pg_control_system()).system_identifier, d.oid FROM pg_database d WHERE d.datname = current_database()
	ON CONFLICT (one) DO UPDATE SET system_identifier = excluded.system_identifier,
		database_oid = excluded.database_oid, running = true, changed_at = now()
$$;
COMMENT ON FUNCTION openreplay.start() IS
	'Lets workers process batches in this cluster and database: after openreplay.stop(), or in a restored copy that shall go on by itself.';

CREATE FUNCTION openreplay.stop() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE openreplay.pipeline SET running = false, changed_at = now() WHERE running;
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type IN ('openreplay worker', 'openreplay housekeeper') AND datname = current_database();
$$;
COMMENT ON FUNCTION openreplay.stop() IS
	'Stops the workers of this database until openreplay.start(), for instance before DROP DATABASE. Batches are still accepted.';

-- Partitions are built beside the parent and attached: CREATE TABLE ... PARTITION OF would wait for every open reader.
CREATE FUNCTION openreplay.add_time_partition(parent regclass, partition_name text, lower_bound timestamptz, upper_bound timestamptz)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
AS $$
BEGIN
	EXECUTE format('CREATE TABLE openreplay.%I (LIKE %s INCLUDING ALL)', partition_name, parent);
	EXECUTE format('ALTER TABLE %s ATTACH PARTITION openreplay.%I FOR VALUES FROM (%L) TO (%L)',
				   parent, partition_name, lower_bound, upper_bound);
	IF EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'
			   AND objid = format('openreplay.%I', partition_name)::regclass) THEN
		EXECUTE format('ALTER EXTENSION openreplay DROP TABLE openreplay.%I', partition_name);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.add_time_partition(regclass, text, timestamptz, timestamptz) IS
	'Builds one partition of an engine table and attaches it; for ensure_batch_partitions() and ensure_pass_partitions().';

CREATE FUNCTION openreplay.ensure_batch_partitions(at timestamptz DEFAULT now(), hours_ahead integer DEFAULT 2) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lower_bound timestamptz;
	partition_name text;
BEGIN
	FOR lower_bound IN
		SELECT generate_series(date_trunc('hour', at, 'UTC') - interval '1 hour',
							   date_trunc('hour', at, 'UTC') + least(hours_ahead, 48) * interval '1 hour', interval '1 hour')
	LOOP
		partition_name := 'batches_' || to_char(lower_bound AT TIME ZONE 'UTC', 'YYYYMMDD_HH24');
		CONTINUE WHEN to_regclass('openreplay.' || partition_name) IS NOT NULL;
		PERFORM pg_advisory_xact_lock(hashtext('openreplay.ensure_batch_partitions'));
		CONTINUE WHEN to_regclass('openreplay.' || partition_name) IS NOT NULL;
		PERFORM openreplay.add_time_partition('openreplay.batches', partition_name, lower_bound, lower_bound + interval '1 hour');
		-- bodies of a few kB are read whole and once: beside their row they cost no second look-up
		EXECUTE format('ALTER TABLE openreplay.%I SET (toast_tuple_target = 8160)', partition_name);
		-- what is appended twice to a lane is refused here; also how the pipeline reads a lane
		EXECUTE format('CREATE UNIQUE INDEX %I ON openreplay.%I (server_id, shard, seq)',
					   partition_name || '_lane_idx', partition_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.ensure_batch_partitions(timestamptz, integer) IS
	'Makes the hourly partitions of openreplay.batches from an hour before a time to hours_ahead (at most 48) after it.';

CREATE FUNCTION openreplay.ensure_pass_partitions(at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lower_bound timestamptz;
	partition_name text;
BEGIN
	FOR lower_bound IN
		SELECT generate_series(date_trunc('day', at, 'UTC'), date_trunc('day', at, 'UTC') + interval '2 days', interval '1 day')
	LOOP
		partition_name := 'passes_' || to_char(lower_bound AT TIME ZONE 'UTC', 'YYYYMMDD');
		CONTINUE WHEN to_regclass('openreplay.' || partition_name) IS NOT NULL;
		PERFORM pg_advisory_xact_lock(hashtext('openreplay.ensure_pass_partitions'));
		CONTINUE WHEN to_regclass('openreplay.' || partition_name) IS NOT NULL;
		PERFORM openreplay.add_time_partition('openreplay.passes', partition_name, lower_bound, lower_bound + interval '1 day');
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.ensure_pass_partitions(timestamptz) IS
	'Makes the daily partitions of openreplay.passes for a day and the two after it.';

-- ---- for ingest servers ----

CREATE FUNCTION openreplay.register_server(name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF name IS NULL OR length(name) NOT BETWEEN 1 AND 200 THEN
		RAISE EXCEPTION 'a server needs a name of 1 to 200 characters' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('openreplay.register_server'));
	SELECT s.server_id INTO id FROM openreplay.servers s WHERE s.name = register_server.name;
	IF id IS NULL THEN
		SELECT coalesce(max(s.server_id) + 1, 1) INTO id FROM openreplay.servers s;
		IF id > 65535 THEN
			RAISE EXCEPTION 'all 65535 server ids are given away' USING ERRCODE = 'program_limit_exceeded',
				HINT = 'Give a server that replaces another one the other''s name, so that it gets its id.';
		END IF;
		INSERT INTO openreplay.servers (server_id, name) VALUES (id, register_server.name);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.register_server(text) IS
	'The 16-bit id of the ingest server with this name, a new one for a new name. Two running servers must not share a name.';

-- Lane locks live in the two-key space of advisory locks under this class.
CREATE FUNCTION openreplay.take_lanes(server_id integer, first_shard integer DEFAULT 0, last_shard integer DEFAULT 63,
	instance text DEFAULT NULL)
RETURNS TABLE (shard smallint, seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lane_class CONSTANT integer := 20338;
	deadline timestamptz := clock_timestamp() + interval '10 seconds';
	this_database CONSTANT oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
	server openreplay.servers;
	lane integer;
BEGIN
	SELECT * INTO server FROM openreplay.servers s WHERE s.server_id = take_lanes.server_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'server % is not registered', take_lanes.server_id USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Call openreplay.register_server(name) first.';
	END IF;
	IF first_shard < 0 OR last_shard > 63 OR first_shard > last_shard THEN
		RAISE EXCEPTION 'shards % to % are not within 0 to 63', first_shard, last_shard
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF instance IS DISTINCT FROM server.instance THEN
		-- of two that claim the name at once the second waits and sees the first
		PERFORM FROM openreplay.servers s WHERE s.server_id = take_lanes.server_id FOR UPDATE;
		IF EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = lane_class AND l.objsubid = 2
				AND l.objid::bigint BETWEEN take_lanes.server_id * 64 AND take_lanes.server_id * 64 + 63
				AND l.database = this_database AND l.granted AND l.pid <> pg_backend_pid()) THEN
			RAISE EXCEPTION 'another running server has the name "%"', server.name USING ERRCODE = 'object_in_use',
				HINT = 'Give every ingest server a SERVER_NAME of its own.';
		END IF;
		UPDATE openreplay.servers s SET instance = take_lanes.instance WHERE s.server_id = take_lanes.server_id;
	END IF;
	FOR lane IN SELECT take_lanes.server_id * 64 + n FROM generate_series(first_shard, last_shard) n LOOP
		-- the holder is a connection its server has lost; what it had in flight is committed or gone when its lock is
		WHILE NOT pg_try_advisory_lock(lane_class, lane) LOOP
			PERFORM pg_terminate_backend(l.pid) FROM pg_locks l
			WHERE l.locktype = 'advisory' AND l.classid = lane_class AND l.objid = lane AND l.objsubid = 2
				AND l.database = this_database AND l.granted AND l.pid <> pg_backend_pid();
			IF clock_timestamp() > deadline THEN
				RAISE EXCEPTION 'lane % of server % is held by another connection', lane % 64, take_lanes.server_id
					USING ERRCODE = 'lock_not_available';
			END IF;
			PERFORM pg_sleep(0.01);
		END LOOP;
	END LOOP;
	RETURN QUERY
		SELECT n::smallint, greatest(
			coalesce((SELECT max(b.seq) FROM openreplay.batches b WHERE b.server_id = take_lanes.server_id AND b.shard = n), 0),
			coalesce((SELECT max(p.seq) FROM openreplay.passes p WHERE p.server_id = take_lanes.server_id AND p.shard = n), 0))
		FROM generate_series(first_shard, last_shard) n;
END
$$;
COMMENT ON FUNCTION openreplay.take_lanes(integer, integer, integer, text) IS
	'Makes this connection the only writer of a server''s lanes, ending a stale one of the same instance, and tells the last seq of each (0: none). While another instance holds any of them it is refused. The locks last as long as the connection.';

CREATE FUNCTION openreplay.compress_body(body bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_compress_body';
COMMENT ON FUNCTION openreplay.compress_body(bytea) IS
	'A body as openreplay.batches stores it: one zstd frame, level 1.';

CREATE FUNCTION openreplay.decompress_body(body bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_decompress_body';
COMMENT ON FUNCTION openreplay.decompress_body(bytea) IS
	'The body that openreplay.batches stores: the content of one zstd frame, at most 64 MiB. What is none is returned as it is.';

CREATE FUNCTION openreplay.append_batch(session_id bigint, body bytea, received_at timestamptz DEFAULT now(), kind "char" DEFAULT 'w')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lane smallint := openreplay.shard_of(append_batch.session_id);
	last record;
BEGIN
	IF append_batch.kind NOT IN ('s', 'w', 'm', 'c', 'i', 'a', 'u') THEN
		RAISE EXCEPTION 'unknown kind of entry "%"', append_batch.kind USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Kinds are s (start entry), w (web batch), m (mobile batch), c (canvas images), i (mobile screenshots), a (analytics) and u (usability test signal).';
	END IF;
	-- server 0 is SQL itself; its lanes are held until commit
	PERFORM pg_advisory_xact_lock(20338, lane);
	SELECT max(e.seq) AS seq, max(e.received_at) AS received_at INTO last FROM (
		(SELECT b.seq, b.received_at FROM openreplay.batches b WHERE b.server_id = 0 AND b.shard = lane ORDER BY b.seq DESC LIMIT 1)
		UNION ALL
		(SELECT p.seq, p.received_at FROM openreplay.passes p WHERE p.server_id = 0 AND p.shard = lane ORDER BY p.seq DESC LIMIT 1)
	) e;
	last.seq := coalesce(last.seq, 0) + 1;
	last.received_at := greatest(append_batch.received_at, last.received_at);
	PERFORM openreplay.ensure_batch_partitions(last.received_at, 0);
	INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
	VALUES (last.seq, append_batch.session_id, last.received_at, 0, length(append_batch.body), lane, append_batch.kind,
			openreplay.compress_body(append_batch.body));
	RETURN last.seq;
END
$$;
COMMENT ON FUNCTION openreplay.append_batch(bigint, bytea, timestamptz, "char") IS
	'Appends a batch (or a start entry, kind s) as if an ingest server had received it, to the lanes of server 0, and returns its seq. For tests and for importing recordings; servers COPY into openreplay.batches.';

CREATE FUNCTION openreplay.heartbeat(server_id integer, clock timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.heartbeats (server_id, clock) VALUES (server_id, clock)
$$;
COMMENT ON FUNCTION openreplay.heartbeat(integer, timestamptz) IS
	'An ingest server tells that all it received up to clock is committed. Sessions end by these clocks, not by the time of day.';

CREATE FUNCTION openreplay.session_project(session_id bigint) RETURNS integer
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	project_id integer;
	began timestamptz := openreplay.session_time(session_project.session_id);
BEGIN
	SELECT s.project_id INTO project_id FROM public.sessions s WHERE s.session_id = session_project.session_id;
	IF project_id IS NULL THEN
		-- a day: a server's clock may be set back while its ids go on
		SELECT (convert_from(openreplay.decompress_body(b.body), 'UTF8')::jsonb ->> 'project_id')::integer INTO project_id
		FROM openreplay.batches b
		WHERE b.session_id = session_project.session_id AND b.kind = 's'
			AND b.received_at BETWEEN began - interval '1 day' AND began + interval '1 day'
		LIMIT 1;
	END IF;
	RETURN project_id;
END
$$;
COMMENT ON FUNCTION openreplay.session_project(bigint) IS
	'The project of a session, also while its start entry still waits to be processed; NULL when there is no such session. For ingest servers that did not begin it.';

CREATE FUNCTION openreplay.usability_test(project_id integer, test_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	test record;
BEGIN
	SELECT t.project_id, t.title, t.description, t.starting_path, t.status, t.require_mic, t.require_camera, t.guidelines,
		   t.conclusion_message, k.tasks INTO test
	FROM public.ut_tests t
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object('task_id', n.task_id, 'title', n.title, 'description', coalesce(n.description, ''),
											'allow_typing', coalesce(n.allow_typing, false)) ORDER BY n.task_id) AS tasks
		FROM public.ut_tests_tasks n WHERE n.test_id = t.test_id
	) k
	WHERE t.test_id = usability_test.test_id AND t.deleted_at IS NULL AND t.status IN ('preview', 'in-progress')
		AND k.tasks IS NOT NULL;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	IF test.project_id <> usability_test.project_id THEN
		RAISE invalid_authorization_specification USING MESSAGE = 'project mismatch',
			HINT = format('Test %s is of project %s.', usability_test.test_id, test.project_id);
	END IF;
	RETURN jsonb_build_object('test', jsonb_build_object(
		'title', test.title, 'description', coalesce(test.description, ''), 'startingPath', coalesce(test.starting_path, ''),
		'status', test.status, 'reqMic', coalesce(test.require_mic, false), 'reqCamera', coalesce(test.require_camera, false),
		'guidelines', coalesce(test.guidelines, ''), 'conclusion', coalesce(test.conclusion_message, ''), 'tasks', test.tasks));
END
$$;
COMMENT ON FUNCTION openreplay.usability_test(integer, integer) IS
	'A usability test as trackers get it; NULL when it is not there, deleted, not under way or without tasks. Raises invalid_authorization_specification when it is of another project.';

-- What a filter is called by mobile trackers, and its values as text: they refuse the whole list for one number in it.
CREATE FUNCTION openreplay.mobile_filters(filters jsonb, nested boolean DEFAULT false) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
			'type', CASE WHEN nested THEN f->>'type' ELSE
				CASE f->>'type' WHEN 'duration' THEN 'session_duration' WHEN 'fetch' THEN 'network_message'
					WHEN 'custom' THEN 'event' WHEN 'mainThreadCPU' THEN 'mainThreadCpu' ELSE f->>'type' END END,
			'operator', coalesce(f->>'operator', 'is'),
			'value', (SELECT coalesce(jsonb_agg(v #>> '{}' ORDER BY m), '[]')
					  FROM jsonb_array_elements(CASE jsonb_typeof(f->'value') WHEN 'array' THEN f->'value'
												ELSE jsonb_build_array(f->'value') END) WITH ORDINALITY AS e (v, m)
					  WHERE v <> 'null'),
			'source', CASE jsonb_typeof(f->'source') WHEN 'string' THEN f->'source' END,
			'filters', CASE WHEN NOT nested AND jsonb_typeof(f->'filters') = 'array'
					   THEN openreplay.mobile_filters(f->'filters', true) END)) ORDER BY n), '[]')
	FROM jsonb_array_elements(CASE jsonb_typeof(filters) WHEN 'array' THEN filters ELSE '[]' END) WITH ORDINALITY AS e (f, n)
	WHERE jsonb_typeof(f->'type') = 'string'
$$;
COMMENT ON FUNCTION openreplay.mobile_filters(jsonb, boolean) IS
	'The filters of a capture condition in the words of mobile trackers: other type names, all values text. nested: they are filters of a filter, whose types have one name everywhere.';

CREATE FUNCTION openreplay.project_snapshot()
RETURNS TABLE (project_id integer, project_key text, platform text, sample_rate integer, max_session_duration_ms bigint, beacon_size integer,
			   tags jsonb, web_conditions jsonb, mobile_conditions jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.project_id, p.project_key::text, p.platform::text, p.sample_rate::integer, p.max_session_duration::bigint, p.beacon_size,
		   coalesce(t.tags, '[]'), coalesce(c.web, '[]'), coalesce(c.mobile, '[]')
	FROM public.projects p
	LEFT JOIN (
		SELECT g.project_id, jsonb_agg(jsonb_build_object('id', g.tag_id, 'selector', g.selector, 'icr', g.ignore_click_rage,
														  'idc', g.ignore_dead_click, 'location', g.location) ORDER BY g.tag_id) AS tags
		FROM public.tags g WHERE g.deleted_at IS NULL GROUP BY g.project_id
	) t USING (project_id)
	LEFT JOIN (
		SELECT n.project_id,
			   jsonb_agg(jsonb_build_object('name', n.name, 'capture_rate', n.capture_rate, 'filters',
				   CASE jsonb_typeof(n.filters) WHEN 'array' THEN n.filters ELSE '[]' END) ORDER BY n.condition_id) AS web,
			   jsonb_agg(jsonb_build_object('name', n.name, 'capture_rate', n.capture_rate, 'filters',
				   openreplay.mobile_filters(n.filters)) ORDER BY n.condition_id) AS mobile
		FROM public.projects_conditions n GROUP BY n.project_id
	) c USING (project_id)
	WHERE p.active
$$;
COMMENT ON FUNCTION openreplay.project_snapshot() IS
	'What ingest servers keep in memory of every active project: recording rules, live tags, capture conditions as web and as mobile trackers are told them. Changes are announced on the channels project and openreplay_snapshot.';

CREATE FUNCTION openreplay.notify_snapshot() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NOTIFY openreplay_snapshot;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION openreplay.notify_snapshot() IS
	'Statement trigger: tells ingest servers, on channel openreplay_snapshot, to read openreplay.project_snapshot() again.';

/*
 * Called by install() after the product tables exist; same rules.
 */
CREATE FUNCTION openreplay.install_engine() RETURNS void
LANGUAGE plpgsql AS $install$
BEGIN
	-- ---- lanes: who may append ----

	IF to_regclass('openreplay.servers') IS NULL THEN
		CREATE TABLE openreplay.servers (
			server_id		integer PRIMARY KEY CHECK (server_id BETWEEN 0 AND 65535),
			name			text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
			registered_at	timestamptz NOT NULL DEFAULT now(),
			instance		text
		);
		-- openreplay.append_batch()
		INSERT INTO openreplay.servers (server_id, name) VALUES (0, 'SQL');
	END IF;
	COMMENT ON TABLE openreplay.servers IS
		'Ingest servers that ever registered. The id is part of session ids and names the server''s lanes; it is never given twice. instance: the state directory that took the lanes last.';

	-- One row every few seconds and server, old ones removed by the worker: "all I received up to clock is committed".
	IF to_regclass('openreplay.heartbeats') IS NULL THEN
		CREATE TABLE openreplay.heartbeats (
			server_id		integer NOT NULL,
			clock			timestamptz NOT NULL,
			noted_at		timestamptz NOT NULL DEFAULT clock_timestamp()
		);
	END IF;
	COMMENT ON TABLE openreplay.heartbeats IS
		'Clocks of the ingest servers'' lanes while nothing arrives. Kept for ten minutes.';

	-- ---- batches: what trackers sent ----

	IF to_regclass('openreplay.batches') IS NULL THEN
		CREATE TABLE openreplay.batches (
			seq				bigint NOT NULL,
			session_id		bigint NOT NULL,
			received_at		timestamptz NOT NULL,
			server_id		integer NOT NULL,
			size_bytes		integer NOT NULL,
			shard			smallint NOT NULL,
			kind			"char" NOT NULL,
			body			bytea NOT NULL
		) PARTITION BY RANGE (received_at);
		-- compressed before it gets here, so TOAST must not try again
		ALTER TABLE openreplay.batches ALTER COLUMN body SET STORAGE EXTERNAL;
	END IF;
	-- a session's recording, and its state after a restart
	IF to_regclass('openreplay.batches_session_idx') IS NULL THEN
		CREATE INDEX batches_session_idx ON openreplay.batches (session_id);
	END IF;
	-- tested, not replaced: a worker that starts must not wait for the writers, nor they behind it
	IF NOT EXISTS (SELECT FROM pg_trigger
				   WHERE tgrelid = 'openreplay.batches'::regclass AND tgname = 'wake_workers') THEN
		CREATE TRIGGER wake_workers AFTER INSERT ON openreplay.batches
			FOR EACH STATEMENT EXECUTE FUNCTION openreplay.wake_workers();
	END IF;
	COMMENT ON TABLE openreplay.batches IS
		'What trackers sent, as they sent it: append-only, in hourly partitions. A lane is (server_id, shard); seq grows strictly within it. The recording of a session is its batches.';
	COMMENT ON COLUMN openreplay.batches.kind IS
		's start entry (JSON), w web batch, m mobile batch, c canvas images and i mobile screenshots (image records), a analytics (JSON), u usability test signal (JSON)';
	COMMENT ON COLUMN openreplay.batches.size_bytes IS 'size of the inflated body';
	COMMENT ON COLUMN openreplay.batches.body IS 'one zstd frame';

	-- ---- passes: what was done with them ----

	IF to_regclass('openreplay.passes') IS NULL THEN
		CREATE TABLE openreplay.passes (
			seq				bigint NOT NULL,
			received_at		timestamptz NOT NULL,
			passed_at		timestamptz NOT NULL DEFAULT clock_timestamp(),
			messages		bigint NOT NULL,
			bytes			bigint NOT NULL,
			server_id		integer NOT NULL,
			entries			integer NOT NULL,
			duplicates		integer NOT NULL,
			broken			integer NOT NULL,
			parked			integer NOT NULL,
			dropped			integer NOT NULL,
			rows_written	integer NOT NULL,
			rows_known		integer NOT NULL,
			elapsed_ms		real NOT NULL,
			shard			smallint NOT NULL
		) PARTITION BY RANGE (passed_at);
	END IF;
	-- a lane's position is its highest seq here
	IF to_regclass('openreplay.passes_lane_idx') IS NULL THEN
		CREATE INDEX passes_lane_idx ON openreplay.passes (server_id, shard, seq);
	END IF;
	-- throughput of the last minute
	IF to_regclass('openreplay.passes_time_idx') IS NULL THEN
		CREATE INDEX passes_time_idx ON openreplay.passes (passed_at);
	END IF;
	COMMENT ON TABLE openreplay.passes IS
		'One row per lane and pass: position and run history in one. Everything of the lane up to seq is in its tables.';
	COMMENT ON COLUMN openreplay.passes.received_at IS 'of the entry with that seq: the lane''s clock';
	COMMENT ON COLUMN openreplay.passes.dropped IS 'came for sessions that had been deleted';
	COMMENT ON COLUMN openreplay.passes.rows_written IS 'of the whole pass, not of the lane, as are rows_known and elapsed_ms';
	COMMENT ON COLUMN openreplay.passes.rows_known IS 'rows whose key existed already: resent or overlapping batches';

	IF to_regclass('openreplay.live_sessions') IS NULL THEN
		CREATE TABLE openreplay.live_sessions (
			session_id		bigint PRIMARY KEY,
			last_received_at timestamptz NOT NULL,
			last_message_ms	bigint NOT NULL,
			expires_at		timestamptz NOT NULL,
			ended_at		timestamptz,
			checkpointed_at	timestamptz NOT NULL DEFAULT clock_timestamp(),
			project_id		integer NOT NULL,
			shard			smallint NOT NULL,
			state			bytea NOT NULL
		) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
	END IF;
	-- the sessions a worker may have to end
	IF to_regclass('openreplay.live_sessions_shard_idx') IS NULL THEN
		CREATE INDEX live_sessions_shard_idx ON openreplay.live_sessions (shard) WHERE ended_at IS NULL;
	END IF;
	COMMENT ON TABLE openreplay.live_sessions IS
		'Checkpoints of sessions whose token is still valid: written at the start, small, at the end, and between only after many batches. What is newer is in the worker''s memory, and after a restart is derived again from the batches.';
	COMMENT ON COLUMN openreplay.live_sessions.last_received_at IS 'when the last batch that the checkpoint knows of arrived';
	COMMENT ON COLUMN openreplay.live_sessions.last_message_ms IS 'highest message time that the checkpoint knows of, epoch ms';

	IF to_regclass('openreplay.deleted_sessions') IS NULL THEN
		CREATE TABLE openreplay.deleted_sessions (
			session_id		bigint PRIMARY KEY,
			expires_at		timestamptz NOT NULL,
			deleted_at		timestamptz NOT NULL DEFAULT now()
		);
	END IF;
	COMMENT ON TABLE openreplay.deleted_sessions IS
		'Tombstones: what still arrives for these sessions is dropped and counted (passes.dropped), so that nothing brings them back. Kept until a day after their token expired.';

	IF to_regclass('openreplay.parked_batches') IS NULL THEN
		CREATE TABLE openreplay.parked_batches (
			session_id		bigint NOT NULL,
			server_id		integer NOT NULL,
			shard			smallint NOT NULL,
			seq				bigint NOT NULL,
			received_at		timestamptz NOT NULL,
			PRIMARY KEY (session_id, server_id, seq)
		);
	END IF;
	COMMENT ON TABLE openreplay.parked_batches IS
		'Batches whose session has no start entry yet. They are applied when it arrives, and listed as broken a day after they came.';

	IF to_regclass('openreplay.broken_batch_log') IS NULL THEN
		CREATE TABLE openreplay.broken_batch_log (
			found_at		timestamptz NOT NULL DEFAULT clock_timestamp(),
			received_at		timestamptz NOT NULL,
			session_id		bigint NOT NULL,
			seq				bigint NOT NULL,
			server_id		integer NOT NULL,
			messages_kept	integer NOT NULL,
			shard			smallint NOT NULL,
			kind			"char" NOT NULL,
			reason			text NOT NULL,
			body			bytea NOT NULL,
			PRIMARY KEY (server_id, shard, seq)
		);
		ALTER TABLE openreplay.broken_batch_log ALTER COLUMN body SET STORAGE EXTERNAL;
	END IF;
	COMMENT ON TABLE openreplay.broken_batch_log IS 'See the view openreplay.broken_batches.';

	-- ---- detectors ----

	IF to_regclass('openreplay.detector_settings') IS NULL THEN
		CREATE TABLE openreplay.detector_settings (
			project_id		integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			name			text NOT NULL,
			value			bigint NOT NULL,
			changed_at		timestamptz NOT NULL DEFAULT now(),
			PRIMARY KEY (project_id, name)
		);
	END IF;
	COMMENT ON TABLE openreplay.detector_settings IS
		'Numbers by which a project''s issues are detected, where they differ from openreplay.threshold_catalogue(). Change them with openreplay.set_detector_threshold(), which checks them; what is no legal number here is left unread.';

	-- ---- users, as sites' analytics report them ----

	IF to_regclass('openreplay.user_properties') IS NULL THEN
		CREATE TABLE openreplay.user_properties (
			project_id		integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_id			text NOT NULL,
			properties		jsonb NOT NULL DEFAULT '{}',
			first_seen_at	timestamptz NOT NULL,
			last_seen_at	timestamptz NOT NULL,
			deleted_at		timestamptz,
			PRIMARY KEY (project_id, user_id)
		);
	END IF;
	COMMENT ON TABLE openreplay.user_properties IS
		'What a site''s code says of its users (analytics of tracker 17.1 and later). user_id is that of sessions.user_id. A deleted user keeps only the key.';
	COMMENT ON COLUMN openreplay.user_properties.properties IS
		'email, name, first_name, last_name, phone and avatar are texts; the rest is as reported.';

	IF to_regclass('openreplay.user_devices') IS NULL THEN
		CREATE TABLE openreplay.user_devices (
			project_id		integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			user_uuid		uuid NOT NULL,
			user_id			text NOT NULL,
			linked_at		timestamptz NOT NULL,
			PRIMARY KEY (project_id, user_uuid)
		);
	END IF;
	COMMENT ON TABLE openreplay.user_devices IS
		'Who was last identified on a device, and when: with it, sessions of the same sessions.user_uuid that were anonymous can be told to be theirs.';

	-- ---- this installation ----

	IF to_regclass('openreplay.pipeline') IS NULL THEN
		CREATE TABLE openreplay.pipeline (
			one				boolean PRIMARY KEY DEFAULT true CHECK (one),
			system_identifier bigint NOT NULL,
			database_oid	oid NOT NULL,
			running			boolean NOT NULL DEFAULT true,
			changed_at		timestamptz NOT NULL DEFAULT now()
		);
	END IF;
	COMMENT ON TABLE openreplay.pipeline IS
		'Where workers may run: in this cluster and database. A restored copy names another one and stays paused until openreplay.start().';
	IF NOT EXISTS (SELECT FROM openreplay.pipeline) THEN
		PERFORM openreplay.start();
	END IF;

	-- ---- views ----

	IF to_regclass('openreplay.broken_batches') IS NULL THEN
		CREATE VIEW openreplay.broken_batches AS
			SELECT b.found_at, b.received_at, b.session_id, s.project_id, b.server_id, b.shard, b.seq, b.kind, b.reason,
				   b.messages_kept, b.body
			FROM openreplay.broken_batch_log b
			LEFT JOIN public.sessions s USING (session_id);
	END IF;
	COMMENT ON VIEW openreplay.broken_batches IS
		'Batches that could not be read, or not to their end, with the reason. messages_kept is how many messages before the fault were applied. body is one zstd frame; openreplay.decode_batch() reads it as far as it goes.';

	IF to_regclass('openreplay.sessions') IS NULL THEN
		CREATE VIEW openreplay.sessions AS
			SELECT s.session_id, s.project_id, s.platform, s.start_ts,
				   coalesce(s.duration, greatest(greatest(l.last_message_ms, openreplay.last_message_ms(l.session_id)) - s.start_ts, 0)::integer) AS duration,
				   l.session_id IS NOT NULL AND l.ended_at IS NULL AS is_live,
				   c.pages_count, c.events_count, c.errors_count, c.issue_score, c.issue_types,
				   s.user_id, s.user_anonymous_id, s.user_uuid, s.user_os, s.user_os_version, s.user_browser,
				   s.user_browser_version, s.user_device, s.user_device_type, s.user_device_memory_size,
				   s.user_device_heap_size, s.user_country, s.user_state, s.user_city, s.timezone, s.screen_width,
				   s.screen_height, s.tracker_version, s.rev_id, s.referrer, s.base_referrer, s.utm_source, s.utm_medium,
				   s.utm_campaign, s.metadata_1, s.metadata_2, s.metadata_3, s.metadata_4, s.metadata_5, s.metadata_6,
				   s.metadata_7, s.metadata_8, s.metadata_9, s.metadata_10
			FROM public.sessions s
			LEFT JOIN openreplay.live_sessions l ON l.session_id = s.session_id
			CROSS JOIN LATERAL (
				SELECT s.pages_count, s.events_count, s.errors_count, s.issue_score, s.issue_types
				WHERE l.session_id IS NULL OR l.ended_at IS NOT NULL
				UNION ALL
				SELECT n.pages_count, n.events_count, n.errors_count, n.issue_score, n.issue_types::public.issue_type[]
				FROM openreplay.session_counts(s.session_id, s.start_ts) n
				WHERE l.session_id IS NOT NULL AND l.ended_at IS NULL
			) c;
	END IF;
	COMMENT ON VIEW openreplay.sessions IS
		'Sessions, live and ended alike: the counters of a live one are counted from its events, those of an ended one are stored. A live one has lasted until the last message of its last batch.';

	IF to_regclass('openreplay.lanes') IS NULL THEN
		CREATE VIEW openreplay.lanes AS
			SELECT v.server_id, v.name, lane.shard::smallint AS shard, p.seq AS position, p.received_at AS clock,
				   p.passed_at, greatest(coalesce(last.seq, 0) - coalesce(p.seq, 0), 0) AS waiting,
				   next.received_at AS oldest_waiting
			FROM openreplay.servers v
			CROSS JOIN generate_series(0, 63) AS lane (shard)
			LEFT JOIN LATERAL (
				SELECT q.seq, q.received_at, q.passed_at FROM openreplay.passes q
				WHERE q.server_id = v.server_id AND q.shard = lane.shard ORDER BY q.seq DESC LIMIT 1
			) p ON true
			LEFT JOIN LATERAL (
				SELECT b.seq FROM openreplay.batches b
				WHERE b.server_id = v.server_id AND b.shard = lane.shard
				AND b.received_at >= coalesce(p.received_at, '-infinity') ORDER BY b.seq DESC LIMIT 1
			) last ON true
			LEFT JOIN LATERAL (
				SELECT b.received_at FROM openreplay.batches b
				WHERE b.server_id = v.server_id AND b.shard = lane.shard AND b.seq > coalesce(p.seq, 0)
				AND b.received_at >= coalesce(p.received_at, '-infinity') ORDER BY b.seq LIMIT 1
			) next ON true
			WHERE p.seq IS NOT NULL OR last.seq IS NOT NULL;
	END IF;
	COMMENT ON VIEW openreplay.lanes IS
		'How far the pipeline has come in each lane (server, shard): position, how many entries wait behind it, when the oldest of them arrived. waiting is the distance of numbers: more than there are where the lane has gaps, 0 exactly when none waits.';

	IF to_regclass('openreplay.status') IS NULL THEN
		CREATE VIEW openreplay.status AS SELECT * FROM openreplay.read_status();
	END IF;
	COMMENT ON VIEW openreplay.status IS 'The pipeline at a glance, one row; see openreplay.read_status().';

	GRANT SELECT ON openreplay.batches TO openreplay_uploader;
	GRANT INSERT ON openreplay.batches TO openreplay_ingest;
	GRANT SELECT ON openreplay.batches, openreplay.passes, openreplay.live_sessions, openreplay.servers,
		openreplay.heartbeats, openreplay.parked_batches, openreplay.deleted_sessions, openreplay.broken_batch_log, openreplay.pipeline,
		openreplay.detector_settings, openreplay.user_properties, openreplay.user_devices,
		openreplay.sessions, openreplay.broken_batches, openreplay.lanes, openreplay.status
		TO openreplay_reader, openreplay_admin;

	PERFORM openreplay.ensure_batch_partitions();
	PERFORM openreplay.ensure_pass_partitions();
END
$install$;
COMMENT ON FUNCTION openreplay.install_engine() IS 'Creates the missing tables and views of the engine.';

-- ==== 5. Live state and passes =====================================================================================

CREATE FUNCTION openreplay.process_batches() RETURNS bigint
LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_process_batches';
COMMENT ON FUNCTION openreplay.process_batches() IS
	'Processes all waiting batches of the shards no worker holds, in this transaction, and returns how many entries that were. What workers do all the time, by hand: for tests, and where shared_preload_libraries is out of reach.';

CREATE FUNCTION openreplay.end_sessions(clock timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_end_sessions';
COMMENT ON FUNCTION openreplay.end_sessions(timestamptz) IS
	'Ends the sessions that have been silent for openreplay.session_timeout by their lanes'' clocks, in the shards no worker holds, and returns how many. With a clock given, that is the time to judge by; call process_batches() first.';

CREATE FUNCTION openreplay.expire_live_state() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- the last word of a server stays while PostgreSQL itself may have been what kept it silent
	DELETE FROM openreplay.heartbeats h WHERE noted_at < now() - interval '10 minutes'
		AND (pg_postmaster_start_time() < now() - interval '10 minutes'
			 OR EXISTS (SELECT FROM openreplay.heartbeats n WHERE n.server_id = h.server_id AND n.noted_at > h.noted_at));
	DELETE FROM openreplay.live_sessions WHERE ended_at IS NOT NULL AND expires_at < now() - interval '10 minutes';
	DELETE FROM openreplay.deleted_sessions WHERE expires_at < now();
	DELETE FROM openreplay.uploaders u WHERE heartbeat < now() - interval '1 day'
		AND NOT EXISTS (SELECT FROM openreplay.outbox o WHERE o.claimed_by = u.worker);
	WITH late AS (
		DELETE FROM openreplay.parked_batches WHERE received_at < now() - interval '1 day' RETURNING *
	)
	INSERT INTO openreplay.broken_batch_log (received_at, session_id, seq, server_id, messages_kept, shard, kind, reason, body)
	SELECT b.received_at, b.session_id, b.seq, b.server_id, 0, b.shard, b.kind, 'no start entry came within a day', b.body
	FROM late JOIN openreplay.batches b USING (server_id, shard, seq, received_at)
	ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION openreplay.expire_live_state() IS
	'Removes heartbeats after ten minutes, the state of ended sessions once their token has expired, and old tombstones; lists batches as broken whose session did not start within a day. Workers call it every few minutes.';

-- The counters of a session, counted. Live sessions show these; the end of a session stores them.
CREATE FUNCTION openreplay.session_counts(session_id bigint, start_ts bigint)
RETURNS TABLE (pages_count integer, events_count integer, errors_count integer, issue_score bigint, issue_types text[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH n AS (
		SELECT (SELECT count(*) FROM events.pages e WHERE e.session_id = session_counts.session_id)::integer AS pages,
			   ((SELECT count(*) FROM events.clicks e WHERE e.session_id = session_counts.session_id)
			  + (SELECT count(*) FROM events.inputs e WHERE e.session_id = session_counts.session_id)
			  + (SELECT count(*) FROM events_ios.taps e WHERE e.session_id = session_counts.session_id)
			  + (SELECT count(*) FROM events_ios.swipes e WHERE e.session_id = session_counts.session_id)
			  + (SELECT count(*) FROM events_ios.inputs e WHERE e.session_id = session_counts.session_id))::integer AS others,
			   ((SELECT count(*) FROM events.errors e JOIN public.errors d USING (error_id)
				 WHERE e.session_id = session_counts.session_id AND d.source = 'js_exception')
			  + (SELECT count(*) FROM events_common.crashes e WHERE e.session_id = session_counts.session_id))::integer AS errors
	), i AS (
		SELECT array_agg(DISTINCT d.type ORDER BY d.type)::text[] AS types,
			   coalesce(sum(t.score), 0)::bigint AS score
		FROM events_common.issues e JOIN public.issues d USING (issue_id)
		JOIN openreplay.issue_types() t ON t.type = d.type::text
		WHERE e.session_id = session_counts.session_id
	)
	SELECT n.pages, n.pages + n.others, n.errors, session_counts.start_ts / 1000 + i.score + n.errors * 1000,
		   CASE WHEN n.errors > 0 AND NOT 'js_exception' = ANY (coalesce(i.types, '{}'))
				THEN coalesce(i.types, '{}') || 'js_exception'::text ELSE coalesce(i.types, '{}') END
	FROM n, i;
END
$$;
COMMENT ON FUNCTION openreplay.session_counts(bigint, bigint) IS
	'Page views, events (page views, clicks, inputs; on mobile taps, swipes, inputs), errors, issue score and issue types of a session, counted from its events. The score starts at start_ts / 1000 s and grows by that of each issue, see openreplay.issue_types().';

-- ---- sequences of events ----

CREATE FUNCTION openreplay.install_sequences() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.event_values') IS NULL THEN
		CREATE TABLE openreplay.event_values (
			project_id integer NOT NULL REFERENCES public.projects ON DELETE CASCADE,
			kind       smallint NOT NULL,
			value_id   integer NOT NULL,
			digest     uuid NOT NULL,
			value      text,
			details    text[],
			condemned  boolean NOT NULL DEFAULT false,
			-- the values of a kind, for conditions on them; the next id
			PRIMARY KEY (project_id, kind, value_id)
		);
		-- values that are known; they may be longer than an index takes
		CREATE UNIQUE INDEX ON openreplay.event_values (project_id, kind, digest) WHERE NOT condemned;
		COMMENT ON TABLE openreplay.event_values IS
			'What events of sessions were about, each different value once: openreplay.session_events has their ids.';
		COMMENT ON COLUMN openreplay.event_values.kind IS 'See openreplay.event_kinds().';
		COMMENT ON COLUMN openreplay.event_values.value_id IS 'From 0 on in each kind of a project, in the order of appearance.';
		COMMENT ON COLUMN openreplay.event_values.value IS 'A page''s path, a click''s label and so on.';
		COMMENT ON COLUMN openreplay.event_values.details IS 'What else is told of such events, in the order of openreplay.event_kinds().';
		COMMENT ON COLUMN openreplay.event_values.digest IS 'Of value and details.';
		COMMENT ON COLUMN openreplay.event_values.condemned IS
			'No sequence had it when openreplay.forget_event_values() looked, and none is given it any more.';
		GRANT SELECT ON openreplay.event_values TO openreplay_reader, openreplay_admin;
	END IF;

	IF to_regclass('openreplay.session_events') IS NULL THEN
		CREATE TABLE openreplay.session_events (
			session_id bigint NOT NULL,
			start_ts   bigint NOT NULL,
			project_id integer NOT NULL,
			events     bytea NOT NULL,
			-- a project's sequences of a time range
			PRIMARY KEY (project_id, session_id)
		) PARTITION BY RANGE (session_id);
		-- long ones are read as a whole, and compression finds little in them
		ALTER TABLE openreplay.session_events ALTER COLUMN events SET STORAGE EXTERNAL;
		COMMENT ON TABLE openreplay.session_events IS
			'The events of sessions that have ended, a row a session: what ordered questions are answered from. Written when a session ends, deleted when it goes on.';
		COMMENT ON COLUMN openreplay.session_events.events IS
			'In the order of time: kind, value and time of each. openreplay.sequence_events() reads it.';
		GRANT SELECT ON openreplay.session_events TO openreplay_reader, openreplay_admin;
		-- where sessions were here before
		PERFORM openreplay.ensure_session_partitions(openreplay.session_time(p.lower_bound::bigint), 0)
		FROM openreplay.partitions_of('public.sessions') p WHERE p.lower_bound::bigint <= openreplay.session_id_at(now());
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.install_sequences() IS 'Creates the missing tables of sequences.';

CREATE FUNCTION openreplay.event_kinds() RETURNS TABLE (kind smallint, name text, source text, value text, details text[])
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 15 AS 'MODULE_PATHNAME', 'openreplay_event_kinds';
COMMENT ON FUNCTION openreplay.event_kinds() IS
	'The kinds of events in openreplay.session_events: the table whose rows they stand for, and which of its columns are value and details.';

CREATE FUNCTION openreplay.plain_events(session_ids bigint[])
RETURNS TABLE (session_id bigint, kind smallint, "timestamp" bigint, key bigint, value text, details text[])
LANGUAGE c STABLE ROWS 10000 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_plain_events';
COMMENT ON FUNCTION openreplay.plain_events(bigint[]) IS
	'The events of sessions, read from their own tables, as sequences tell them; NULL: of all sessions.';

CREATE FUNCTION openreplay.sequence_events(events bytea, start_ts bigint)
RETURNS TABLE (n integer, kind smallint, "timestamp" bigint, value_id integer)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'openreplay_sequence_events';
COMMENT ON FUNCTION openreplay.sequence_events(bytea, bigint) IS
	'The events of a row of openreplay.session_events, in their order from 1 on; their values are in openreplay.event_values.';

CREATE FUNCTION openreplay.write_session_events(session_ids bigint[]) RETURNS bigint[]
LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off AS 'MODULE_PATHNAME', 'openreplay_write_session_events';
COMMENT ON FUNCTION openreplay.write_session_events(bigint[]) IS
	'Writes the sequences of sessions from their events and returns whose: not those of sessions with more than 100,000 events. The caller sets has_sequence.';

CREATE FUNCTION openreplay.forget_session_events(session_ids bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH forgotten AS (
		UPDATE public.sessions s SET has_sequence = false WHERE s.session_id = ANY (session_ids) AND s.has_sequence
		RETURNING s.project_id, s.session_id)
	DELETE FROM openreplay.session_events q USING forgotten f WHERE q.project_id = f.project_id AND q.session_id = f.session_id
$$;
COMMENT ON FUNCTION openreplay.forget_session_events(bigint[]) IS
	'Deletes the sequences of sessions, which are then answered from their events: of those that go on. CALL openreplay.backfill_session_events() writes them again.';

/*
 * Rows are locked against the pipeline before it is looked whether the session goes on: what goes on may get more events,
 * and its state says so in the transaction that wrote the first of them.
 */
CREATE FUNCTION openreplay.backfill_some_sessions(project_id integer, first_id bigint, end_id bigint, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
	tried bigint[];
	ended bigint[];
	written bigint[];
BEGIN
	tried := ARRAY(SELECT s.session_id FROM public.sessions s
		WHERE NOT s.has_sequence AND s.duration IS NOT NULL AND s.session_id >= first_id AND s.session_id < end_id
			AND (backfill_some_sessions.project_id IS NULL OR s.project_id = backfill_some_sessions.project_id)
		ORDER BY s.session_id LIMIT most FOR UPDATE);
	ended := ARRAY(SELECT t FROM unnest(tried) t
		WHERE NOT EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = t AND l.ended_at IS NULL));
	written := openreplay.write_session_events(ended);
	UPDATE public.sessions s SET has_sequence = true WHERE s.session_id = ANY (written);
	RETURN tried[cardinality(tried)];
END
$$;
COMMENT ON FUNCTION openreplay.backfill_some_sessions(integer, bigint, bigint, integer) IS
	'Writes sequences of at most so many ended sessions that have none, of a range of ids, and returns the last one that was tried; NULL when there is none.';

CREATE PROCEDURE openreplay.backfill_session_events(project_id integer DEFAULT NULL, from_time timestamptz DEFAULT NULL,
	until_time timestamptz DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	last bigint := coalesce(openreplay.session_id_at(from_time), 0) - 1;
	end_id bigint := coalesce(openreplay.session_id_at(until_time), 9223372036854775807);
BEGIN
	LOOP
		last := openreplay.backfill_some_sessions(project_id, last + 1, end_id, 1000);
		EXIT WHEN last IS NULL;
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.backfill_session_events(integer, timestamptz, timestamptz) IS
	'Writes what the end of a session writes for questions about the order of events, for ended sessions that came here in another way, such as copied rows: of a project, of a range of time, or of all. A thousand sessions a transaction; call it again after an interruption.';

-- ---- values that nobody has any more ----

CREATE FUNCTION openreplay.used_event_values() RETURNS TABLE (project_id integer, kind smallint, value_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
	SELECT DISTINCT q.project_id, x.kind, x.value_id
	FROM openreplay.session_events q CROSS JOIN openreplay.sequence_events(q.events, q.start_ts) x
$$;
COMMENT ON FUNCTION openreplay.used_event_values() IS 'The values that some sequence has. Reads all sequences.';

CREATE FUNCTION openreplay.condemn_event_values() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE openreplay.event_values v SET condemned = true
	WHERE NOT v.condemned AND (v.project_id, v.kind, v.value_id) NOT IN (SELECT u.project_id, u.kind, u.value_id FROM openreplay.used_event_values() u);
	RETURN (SELECT count(*) FROM openreplay.event_values v WHERE v.condemned);
END
$$;
COMMENT ON FUNCTION openreplay.condemn_event_values() IS
	'The first step of openreplay.forget_event_values(). Returns how many values are condemned.';

CREATE FUNCTION openreplay.delete_condemned_values() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	deleted bigint;
BEGIN
	DELETE FROM openreplay.event_values v
	WHERE v.condemned AND (v.project_id, v.kind, v.value_id) NOT IN (SELECT u.project_id, u.kind, u.value_id FROM openreplay.used_event_values() u);
	GET DIAGNOSTICS deleted = ROW_COUNT;
	RETURN deleted;
END
$$;
COMMENT ON FUNCTION openreplay.delete_condemned_values() IS
	'The last step of openreplay.forget_event_values(). Returns how many values went.';

/*
 * Whoever ends a session reads ids first and writes its sequence later. So a value is condemned first, which is seen by
 * all who begin afterwards, and deleted when those who may have read it before are done: they had a transaction id
 * by then, smaller than one that is taken now.
 */
CREATE PROCEDURE openreplay.forget_event_values()
LANGUAGE plpgsql AS $$
DECLARE
	later xid8;
BEGIN
	IF openreplay.condemn_event_values() = 0 THEN
		RETURN;
	END IF;
	COMMIT;
	later := pg_catalog.pg_current_xact_id();
	COMMIT;
	FOR attempt IN 1..600 LOOP
		IF pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) > later THEN
			PERFORM openreplay.delete_condemned_values();
			RETURN;
		END IF;
		COMMIT;
		PERFORM pg_catalog.pg_sleep(0.1);
	END LOOP;						-- a long transaction: the next run goes on
END
$$;
COMMENT ON PROCEDURE openreplay.forget_event_values() IS
	'Deletes from openreplay.event_values what no session''s sequence has any more, because they were deleted. Part of the periodic work; after the data of a user were erased it may be called at once.';

CREATE FUNCTION openreplay.add_step_value(state internal, steps integer[], step integer, value_id integer) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_add_step_value';
COMMENT ON FUNCTION openreplay.add_step_value(internal, integer[], integer, integer) IS 'Of openreplay.step_values().';

CREATE FUNCTION openreplay.packed_step_values(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_step_values';
COMMENT ON FUNCTION openreplay.packed_step_values(internal) IS 'Of openreplay.step_values().';

CREATE AGGREGATE openreplay.step_values(steps integer[], step integer, value_id integer) (
	SFUNC = openreplay.add_step_value, STYPE = internal, SSPACE = 8192, FINALFUNC = openreplay.packed_step_values,
	PARALLEL = SAFE);
COMMENT ON AGGREGATE openreplay.step_values(integer[], integer, integer) IS
	'Which values satisfy which step, numbered from 0; steps are kinds of events, negative for one that must not be. For openreplay.follow_sequence().';

CREATE FUNCTION openreplay.follow_sequence(events bytea, start_ts bigint, from_ts bigint, to_ts bigint, steps bytea) RETURNS bigint[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200 AS 'MODULE_PATHNAME', 'openreplay_follow_sequence';
COMMENT ON FUNCTION openreplay.follow_sequence(bytea, bigint, bigint, bigint, bytea) IS
	'What openreplay.follow_steps() says of the events of a row of openreplay.session_events from from_ts to to_ts; NULL when none of them satisfies any step.';

-- ---- users ----

CREATE FUNCTION openreplay.change_properties(properties jsonb, action text, payload jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changed jsonb := properties;
	key text;
	value jsonb;
	present jsonb;
	is_text boolean;
BEGIN
	IF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
		RETURN properties;
	END IF;
	FOR key, value IN SELECT * FROM jsonb_each(payload) LIMIT 1000
	LOOP
		present := changed -> key;
		is_text := key IN ('email', 'name', 'first_name', 'last_name', 'phone', 'avatar');
		CONTINUE WHEN length(key) > 255 OR is_text AND jsonb_typeof(value) IN ('object', 'array');
		IF is_text AND jsonb_typeof(value) <> 'null' THEN
			value := to_jsonb(CASE WHEN key = 'avatar' THEN value #>> '{}' ELSE left(value #>> '{}', 255) END);
		END IF;
		value := CASE action
			WHEN 'set_property' THEN value
			WHEN 'set_property_once' THEN coalesce(present, value)
			WHEN 'increment_property' THEN
				CASE WHEN NOT is_text AND openreplay.is_integer(value) AND openreplay.is_integer(coalesce(present, '0'))
					 THEN to_jsonb(coalesce(present, '0')::numeric + value::numeric)
					 ELSE present END
			WHEN 'append_property' THEN
				CASE WHEN is_text THEN present ELSE coalesce(present, '[]') || jsonb_build_array(value) END
			WHEN 'append_unique_property' THEN
				CASE WHEN is_text OR present = value
						 OR jsonb_typeof(present) = 'array' AND value IN (SELECT jsonb_array_elements(present))
					 THEN present
					 ELSE coalesce(present, '[]') || jsonb_build_array(value) END
			ELSE present
		END;
		IF value IS NOT NULL THEN
			changed := changed || jsonb_build_object(key, value);
		END IF;
		IF pg_column_size(changed) > 32768 THEN
			RETURN properties;
		END IF;
	END LOOP;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION openreplay.change_properties(jsonb, text, jsonb) IS
	'A user''s properties after an action: set_property, set_property_once, increment_property (integers only, what is missing is 0), append_property and append_unique_property (a single value becomes a list). What does not fit is left as it was, all of it if it would come to more than 32 KiB.';

CREATE FUNCTION openreplay.is_integer(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_typeof(value) = 'number' AND abs(value::numeric) < 1e18 AND value::numeric = trunc(value::numeric)
$$;
COMMENT ON FUNCTION openreplay.is_integer(jsonb) IS 'Whether a value is a whole number of at most 18 digits.';

CREATE FUNCTION openreplay.change_user(project_id integer, user_id text, action text, payload jsonb, at timestamptz)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF action = 'delete_user' THEN
		UPDATE openreplay.user_properties u SET properties = '{}', deleted_at = at
		WHERE u.project_id = change_user.project_id AND u.user_id = change_user.user_id AND u.deleted_at IS NULL;
	ELSIF action IN ('identity', 'set_property', 'set_property_once', 'increment_property', 'append_property',
		'append_unique_property')
	THEN
		INSERT INTO openreplay.user_properties AS u (project_id, user_id, properties, first_seen_at, last_seen_at)
		VALUES (project_id, user_id, openreplay.change_properties('{}', action, payload), at, at)
		ON CONFLICT ON CONSTRAINT user_properties_pkey DO UPDATE SET
			properties = openreplay.change_properties(u.properties, action, payload),
			first_seen_at = least(u.first_seen_at, excluded.first_seen_at),
			last_seen_at = greatest(u.last_seen_at, excluded.last_seen_at),
			deleted_at = NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.change_user(integer, text, text, jsonb, timestamptz) IS
	'Applies what a site reports of one of its users; the pipeline calls it. Unknown actions change nothing. A user who is told of again after having been deleted begins anew.';

/*
 * The end of sessions, in the worker's transaction that also writes what their detectors still had. A repeated end only
 * extends. Clients' clocks: the worker says 999 for one that was behind the start, and never 999 for a true duration.
 */
CREATE FUNCTION openreplay.close_sessions(session_ids bigint[], durations integer[], remains bytea[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	written bigint[] := openreplay.write_session_events(session_ids);
BEGIN
	UPDATE public.sessions s
	SET duration = greatest(s.duration, e.duration), pages_count = c.pages_count, events_count = c.events_count,
		errors_count = c.errors_count, issue_score = c.issue_score, issue_types = c.issue_types::public.issue_type[],
		remains = e.remains, has_sequence = s.session_id = ANY (written)
	FROM unnest(close_sessions.session_ids, close_sessions.durations, close_sessions.remains) AS e (session_id, duration, remains),
		LATERAL (SELECT n.* FROM public.sessions t, openreplay.session_counts(t.session_id, t.start_ts) n
				 WHERE t.session_id = e.session_id) c
	WHERE s.session_id = e.session_id;
	PERFORM openreplay.queue_recordings(close_sessions.session_ids);
	PERFORM openreplay.announce('openreplay_session_ended',
		json_build_object('session_id', s.session_id, 'project_id', s.project_id, 'duration', s.duration)::text)
	FROM public.sessions s WHERE s.session_id = ANY (close_sessions.session_ids);
END
$$;
COMMENT ON FUNCTION openreplay.close_sessions(bigint[], integer[], bytea[]) IS
	'What the end of sessions writes: sequences of events, durations (ms), counters, issue score and types, what late data must find; queues their recordings and announces them on channel openreplay_session_ended as {"session_id", "project_id", "duration"}. Workers call it.';

-- ---- detectors ----

CREATE FUNCTION openreplay.threshold_catalogue()
RETURNS TABLE (name text, default_value bigint, minimum bigint, maximum bigint, unit text, meaning text)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 17 AS 'MODULE_PATHNAME', 'openreplay_threshold_catalogue';
COMMENT ON FUNCTION openreplay.threshold_catalogue() IS
	'The numbers by which issues are detected, with their defaults, legal ranges and units.';

CREATE FUNCTION openreplay.detector_thresholds(project_id integer)
RETURNS TABLE (name text, value bigint, default_value bigint, minimum bigint, maximum bigint, unit text, meaning text)
LANGUAGE sql STABLE ROWS 17 SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.name, coalesce(s.value, c.default_value), c.default_value, c.minimum, c.maximum, c.unit, c.meaning
	FROM openreplay.threshold_catalogue() c
	LEFT JOIN openreplay.detector_settings s
		ON s.project_id = $1 AND s.name = c.name AND s.value BETWEEN c.minimum AND c.maximum
$$;
COMMENT ON FUNCTION openreplay.detector_thresholds(integer) IS
	'The numbers by which the issues of a project are detected.';

CREATE FUNCTION openreplay.set_detector_threshold(project_id integer, name text, value bigint) RETURNS void
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known record;
BEGIN
	SELECT * INTO known FROM openreplay.threshold_catalogue() c WHERE c.name = set_detector_threshold.name;
	IF known IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('there is no threshold "%s"', set_detector_threshold.name),
			HINT = 'openreplay.threshold_catalogue() lists them.';
	END IF;
	IF set_detector_threshold.value NOT BETWEEN known.minimum AND known.maximum THEN
		RAISE invalid_parameter_value USING
			MESSAGE = format('%s cannot be %s', known.name, set_detector_threshold.value),
			HINT = format('It is between %s and %s (%s), and %s by default.', known.minimum, known.maximum, known.unit, known.default_value);
	END IF;
	IF NOT EXISTS (SELECT FROM public.projects p WHERE p.project_id = set_detector_threshold.project_id) THEN
		RAISE invalid_parameter_value USING
			MESSAGE = format('there is no project %s', set_detector_threshold.project_id),
			HINT = 'They are in public.projects.';
	END IF;
	INSERT INTO openreplay.detector_settings AS s (project_id, name, value)
	VALUES (set_detector_threshold.project_id, set_detector_threshold.name, set_detector_threshold.value)
	ON CONFLICT ON CONSTRAINT detector_settings_pkey DO UPDATE SET value = excluded.value, changed_at = now();
END
$$;
COMMENT ON FUNCTION openreplay.set_detector_threshold(integer, text, bigint) IS
	'Changes a number by which the issues of a project are detected, from the next pass on; what was found stays. Try it with openreplay.detect() first.';

CREATE FUNCTION openreplay.reset_detector_thresholds(project_id integer, name text DEFAULT NULL) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH gone AS (
		DELETE FROM openreplay.detector_settings s WHERE s.project_id = $1 AND s.name = coalesce($2, s.name) RETURNING 1
	)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION openreplay.reset_detector_thresholds(integer, text) IS
	'Sets a number, or without a name all of them, back to the default. Returns how many differed.';

CREATE FUNCTION openreplay.detect(session_id bigint, thresholds jsonb DEFAULT '{}')
RETURNS TABLE (detector text, type text, "timestamp" bigint, message_id bigint, context_string text, payload jsonb, ignored boolean)
LANGUAGE c STABLE STRICT ROWS 20 AS 'MODULE_PATHNAME', 'openreplay_detect';
COMMENT ON FUNCTION openreplay.detect(bigint, jsonb) IS
	'What detectors find in the stored batches of a session, in the order of finding, without writing anything; with thresholds, as {"click_rage.gap": 500}, what they would find by those. ignored: a tag of the project says that clicks on the element are no issues, so none is stored. Performance summaries have no type. Nothing is found where no batches are stored any more.';

-- ==== 6. Recording =================================================================================================

CREATE FUNCTION openreplay.messages(session_id bigint)
RETURNS TABLE (index bigint, "timestamp" bigint, tab text, type integer, name text, fields jsonb)
LANGUAGE c STABLE STRICT ROWS 5000 AS 'MODULE_PATHNAME', 'openreplay_messages';
COMMENT ON FUNCTION openreplay.messages(bigint) IS
	'Every message of a session as the tracker sent it, in the order its batches arrived; a batch sent twice is shown once. timestamp is epoch ms, index is PageNo * 2^32 + FirstIndex + n.';

CREATE FUNCTION openreplay.decode_batch(body bytea)
RETURNS TABLE (index bigint, "timestamp" bigint, tab text, type integer, name text, fields jsonb)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 500 AS 'MODULE_PATHNAME', 'openreplay_decode_batch';
COMMENT ON FUNCTION openreplay.decode_batch(bytea) IS
	'The messages of one batch body: as sent by a tracker, or as stored in openreplay.batches (a zstd frame is recognised). Messages before a fault are returned, and a warning tells the fault.';

CREATE FUNCTION openreplay.last_message_ms(body bytea, latest_ms bigint) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_last_message_ms';
COMMENT ON FUNCTION openreplay.last_message_ms(bytea, bigint) IS
	'The time of the last message in a batch body, epoch ms; times beyond latest_ms are a clock that is wrong and do not count. NULL when no message has a time or the body is damaged.';

CREATE FUNCTION openreplay.last_message_ms(session_id bigint) RETURNS bigint
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT openreplay.last_message_ms(b.body, (extract(epoch FROM b.received_at) * 1000)::bigint + 86400000)
	FROM openreplay.batches b
	WHERE b.session_id = $1 AND b.kind IN ('w', 'm') AND b.received_at >= openreplay.session_time($1) - interval '1 day'
	ORDER BY b.received_at DESC, b.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION openreplay.last_message_ms(bigint) IS
	'The time of the last message in the last batch of a session, epoch ms; NULL when no batches are here.';

CREATE FUNCTION openreplay.recording(session_id bigint, file text DEFAULT 'dom.mobs') RETURNS bytea
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'openreplay_recording';
COMMENT ON FUNCTION openreplay.recording(bigint, text) IS
	'A recording file as players read it, uncompressed, made from the batches of a live or ended session: dom.mobs, dom.mobe (what comes 15 s after the beginning; NULL if nothing does), dom.mob (both), devtools.mob. NULL if there are no batches; an error once some have been dropped, as then only the stored files have all. openreplay.player tells for which players.';

CREATE FUNCTION openreplay.decode_images(body bytea)
RETURNS TABLE (name text, taken_ms bigint, size_bytes integer, image bytea)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'openreplay_decode_images';
COMMENT ON FUNCTION openreplay.decode_images(bytea) IS
	'The images in the body of an entry of kind c or i: image records, or a zstd frame of them as stored in openreplay.batches. Images before a fault are returned, and a warning tells the fault.';

CREATE FUNCTION openreplay.images(session_id bigint)
RETURNS TABLE (received_at timestamptz, kind "char", name text, taken_ms bigint, size_bytes integer, body bytea)
LANGUAGE sql STABLE STRICT ROWS 500 SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.received_at, s.kind, s.name, s.taken_ms, s.size_bytes, s.image
	FROM (SELECT DISTINCT ON (b.kind, i.name) b.received_at, b.kind, i.name, i.taken_ms, i.size_bytes, i.image
		  FROM openreplay.batches b CROSS JOIN LATERAL openreplay.decode_images(b.body) i
		  -- nothing is received before its session exists; a day allows for clocks that disagree
		  WHERE b.session_id = images.session_id AND b.kind IN ('c', 'i')
			AND b.received_at >= openreplay.session_time(images.session_id) - interval '1 day'
		  ORDER BY b.kind, i.name, b.received_at DESC, b.server_id, b.seq DESC) s
	ORDER BY s.kind, s.taken_ms, s.name
$$;
COMMENT ON FUNCTION openreplay.images(bigint) IS
	'The images of a session that are in openreplay.batches: of canvases (kind c) and of a phone''s screen (kind i), by the time they were taken. name is <recording>_<canvas>_<taken>.<type>; of images sent twice under a name the last one counts. taken_ms is epoch ms.';

CREATE FUNCTION openreplay.sign_url(method text, key text, valid interval DEFAULT '1 hour', at timestamptz DEFAULT now()) RETURNS text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'openreplay_sign_url';
COMMENT ON FUNCTION openreplay.sign_url(text, text, interval, timestamptz) IS
	'A URL with which anybody may GET, PUT or HEAD the object with this key in the bucket openreplay.storage_url, from a time on for a while, at most seven days.';

CREATE FUNCTION openreplay.recording_files(session_id bigint) RETURNS TABLE (file text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.file
	FROM public.sessions s, LATERAL (
		SELECT name AS file, n FROM unnest(CASE WHEN s.platform = 'web' THEN '{dom.mobs,dom.mobe,devtools.mob}'
			ELSE '{dom.mobs,devtools.mob,replay.tar.zst}' END::text[]) WITH ORDINALITY AS x (name, n)
		UNION ALL
		SELECT DISTINCT c.recording_id || '.tar.zst', 10 FROM events.canvas_recordings c WHERE c.session_id = s.session_id
	) f
	WHERE s.session_id = recording_files.session_id AND EXISTS (
		SELECT FROM openreplay.stored_recordings r WHERE r.session_id = recording_files.session_id)
	ORDER BY f.n, f.file
$$;
COMMENT ON FUNCTION openreplay.recording_files(bigint) IS
	'The files of a stored recording. dom.mobe and archives of images need not be there. No rows while the recording is not stored.';

CREATE FUNCTION openreplay.recording_urls(session_id bigint, valid interval DEFAULT '1 hour')
RETURNS TABLE (file text, url text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER ROWS 4 SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.file, openreplay.sign_url('GET', $1 || '/' || f.file, $2) FROM openreplay.recording_files($1) WITH ORDINALITY AS f (file, n) ORDER BY f.n
$$;
COMMENT ON FUNCTION openreplay.recording_urls(bigint, interval) IS
	'Signed URLs of a stored recording, for a player in a browser: valid for a while, at most seven days. dom.mobe and archives of images need not be there (404). No rows while the recording is not stored.';

CREATE FUNCTION openreplay.recording_places(session_id bigint) RETURNS TABLE (file text, url text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER ROWS 4 SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.file, CASE WHEN current_setting('openreplay.storage_url', true) <> '' THEN openreplay.sign_url('GET', $1 || '/' || f.file) ELSE $1 || '/' || f.file END
	FROM openreplay.recording_files($1) WITH ORDINALITY AS f (file, n) ORDER BY f.n
$$;
COMMENT ON FUNCTION openreplay.recording_places(bigint) IS
	'Where the files of a stored recording are: signed URLs, or, where recordings are stored in a directory, their names within it.';

CREATE FUNCTION openreplay.webcam_upload_url(session_id bigint) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT openreplay.sign_url('PUT', session_id || '/ux_webcam_record.webm', '15 minutes')
$$;
COMMENT ON FUNCTION openreplay.webcam_upload_url(bigint) IS
	'Where a visitor who takes a usability test may PUT the video of it within 15 minutes: beside the session''s recording, so that it goes with it.';

-- ==== 7. Feature flags =============================================================================================

CREATE FUNCTION openreplay.flag_vocabulary()
RETURNS TABLE (kind text, name text, needs_value boolean)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'openreplay_flag_vocabulary';
COMMENT ON FUNCTION openreplay.flag_vocabulary() IS
	'What the conditions of feature flags can look at (kind type) and how (kind operator).';

CREATE FUNCTION openreplay.flag_bucket(project_id integer, flag_key text, visitor_id text) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_flag_bucket';
COMMENT ON FUNCTION openreplay.flag_bucket(integer, text, text) IS
	'Where a visitor stands in the rollout of a flag, 0 to 99: a condition with rollout_percentage p takes those below p. '
	'A hash (FNV-1a with a finalizer) of its arguments, so it never changes and a higher percentage takes nobody out.';

CREATE FUNCTION openreplay.match_flags(project_id integer, visitor jsonb)
RETURNS TABLE (feature_flag_id integer, condition_id integer, flag_key text, is_persist boolean, value jsonb, payload text)
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'openreplay_match_flags';
COMMENT ON FUNCTION openreplay.match_flags(integer, jsonb) IS
	'The feature flags that a visitor has, in the order of their ids. visitor has the members userID, userUUID, sessionID (the first that is '
	'not empty decides its place in rollouts), country, city, state, os, browser, device, referrer, metadata (object) and persistFlags (what the browser remembers). '
	'value is true or the name of the variant; condition_id is null when a remembered answer goes on.';

CREATE FUNCTION openreplay.evaluate_flags(project_id integer, visitor jsonb) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('flags', coalesce(
		jsonb_agg(jsonb_build_object('key', m.flag_key, 'is_persist', m.is_persist, 'value', m.value, 'payload', m.payload)
				  ORDER BY m.feature_flag_id), '[]'))
	FROM openreplay.match_flags($1, $2) m
$$;
COMMENT ON FUNCTION openreplay.evaluate_flags(integer, jsonb) IS
	'The feature flags of a visitor as trackers get them; visitor as for openreplay.match_flags().';

CREATE FUNCTION openreplay.give_flags(session_id bigint, project_id integer, visitor jsonb) RETURNS jsonb
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	given jsonb;
BEGIN
	-- the session's row may still be on its way: the table has no foreign key to it
	WITH matches AS MATERIALIZED (
		SELECT * FROM openreplay.match_flags(give_flags.project_id, give_flags.visitor)
	), noted AS (
		INSERT INTO public.sessions_feature_flags (session_id, feature_flag_id, condition_id)
		SELECT give_flags.session_id, m.feature_flag_id, m.condition_id FROM matches m
		ON CONFLICT DO NOTHING
	)
	SELECT jsonb_build_object('flags', coalesce(
		jsonb_agg(jsonb_build_object('key', m.flag_key, 'is_persist', m.is_persist, 'value', m.value, 'payload', m.payload)
				  ORDER BY m.feature_flag_id), '[]'))
	INTO given FROM matches m;
	RETURN given;
END
$$;
COMMENT ON FUNCTION openreplay.give_flags(bigint, integer, jsonb) IS
	'openreplay.evaluate_flags() for a session that is recorded: notes in sessions_feature_flags which flags it was given and by which condition.';

-- ---- for those who define them ----

CREATE FUNCTION openreplay.refuse_flag(message text, hint text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	RAISE invalid_parameter_value USING MESSAGE = message, HINT = hint;
END
$$;
COMMENT ON FUNCTION openreplay.refuse_flag(text, text) IS 'Raises invalid_parameter_value; for openreplay.check_flag().';

CREATE FUNCTION openreplay.check_percentage(owner text, value jsonb) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF value IS NULL OR value = 'null' THEN
		RETURN 0;
	ELSIF jsonb_typeof(value) = 'number' AND value::numeric BETWEEN 0 AND 100 AND value::numeric = trunc(value::numeric) THEN
		RETURN value::integer;
	END IF;
	RAISE invalid_parameter_value USING MESSAGE = format('rolloutPercentage of %s cannot be %s', owner, value),
		HINT = 'It is a whole number from 0 to 100.';
END
$$;
COMMENT ON FUNCTION openreplay.check_percentage(text, jsonb) IS
	'The percentage, 0 for none; raises invalid_parameter_value for anything but a whole number from 0 to 100.';

CREATE FUNCTION openreplay.check_flag_filter(condition_name text, filter jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known record;
	allowed text;
BEGIN
	IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
		PERFORM openreplay.refuse_flag(format('a filter of condition "%s" is no object', condition_name),
			'A filter is {"type": "userCountry", "operator": "is", "value": ["NL"]}.');
	END IF;
	FOR known IN SELECT k.kind, filter ->> k.kind AS name FROM unnest(ARRAY['type', 'operator']) AS k (kind) LOOP
		CONTINUE WHEN EXISTS (SELECT FROM openreplay.flag_vocabulary() v WHERE v.kind = known.kind AND v.name = known.name);
		SELECT string_agg(v.name, ', ') INTO allowed FROM openreplay.flag_vocabulary() v WHERE v.kind = known.kind;
		PERFORM openreplay.refuse_flag(format('%s of a filter of condition "%s" cannot be "%s"',
				known.kind, condition_name, coalesce(known.name, 'null')), format('It is one of %s.', allowed));
	END LOOP;
	IF filter ->> 'type' = 'metadata' AND coalesce(filter ->> 'source', '') = '' THEN
		PERFORM openreplay.refuse_flag(format('a metadata filter of condition "%s" has no source', condition_name),
			'source is the name of the metadata.');
	END IF;
	IF jsonb_typeof(coalesce(filter -> 'value', '[]')) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(coalesce(filter -> 'value', '[]')) e WHERE jsonb_typeof(e) NOT IN ('string', 'number', 'boolean'))
		OR (jsonb_array_length(coalesce(filter -> 'value', '[]')) = 0
			AND (SELECT v.needs_value FROM openreplay.flag_vocabulary() v WHERE v.kind = 'operator' AND v.name = filter ->> 'operator')) THEN
		PERFORM openreplay.refuse_flag(format('value of a filter of condition "%s" cannot be %s', condition_name, coalesce(filter -> 'value', 'null')),
			'It is an array of texts, with at least one unless the operator is isAny or isUndefined.');
	END IF;
	RETURN jsonb_build_object('is_event', false, 'type', filter -> 'type', 'operator', filter -> 'operator',
		'value', coalesce(filter -> 'value', '[]'), 'source', filter -> 'source', 'sourceOperator', filter -> 'sourceOperator');
END
$$;
COMMENT ON FUNCTION openreplay.check_flag_filter(text, jsonb) IS
	'A filter as it is stored; raises invalid_parameter_value for one that could never mean anything.';

CREATE FUNCTION openreplay.check_flag(definition jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	flag_type text := coalesce(definition ->> 'flagType', 'single');
	conditions jsonb := coalesce(definition -> 'conditions', '[]');
	variants jsonb := coalesce(nullif(definition -> 'variants', 'null'), '[]');
	total integer;
BEGIN
	IF jsonb_typeof(definition) IS DISTINCT FROM 'object' THEN
		PERFORM openreplay.refuse_flag('a flag is a JSON object',
			'For example {"flagKey": "new-nav", "conditions": [{"name": "all", "rolloutPercentage": 50, "filters": []}]}.');
	END IF;
	IF coalesce(definition ->> 'flagKey', '') !~ '^[a-zA-Z0-9-]{1,200}$' THEN
		PERFORM openreplay.refuse_flag(format('flagKey cannot be "%s"', definition ->> 'flagKey'),
			'It has 1 to 200 letters, digits and hyphens.');
	END IF;
	IF flag_type NOT IN ('single', 'multi') THEN
		PERFORM openreplay.refuse_flag(format('flagType cannot be "%s"', flag_type), 'It is single or multi.');
	END IF;
	IF jsonb_typeof(coalesce(definition -> 'isPersist', 'false')) <> 'boolean' OR jsonb_typeof(coalesce(definition -> 'isActive', 'true')) <> 'boolean' THEN
		PERFORM openreplay.refuse_flag('isPersist and isActive are true or false', 'Without them a flag is active and not persistent.');
	END IF;
	IF jsonb_typeof(coalesce(definition -> 'payload', 'null')) NOT IN ('string', 'null') THEN
		PERFORM openreplay.refuse_flag('payload is a text', 'Structured payloads are JSON written as a text.');
	END IF;
	IF jsonb_typeof(conditions) <> 'array' OR jsonb_array_length(conditions) = 0
		OR EXISTS (SELECT FROM jsonb_array_elements(conditions) c WHERE jsonb_typeof(c) <> 'object' OR coalesce(c ->> 'name', '') = ''
				   OR jsonb_typeof(coalesce(c -> 'filters', '[]')) <> 'array') THEN
		PERFORM openreplay.refuse_flag('a flag needs at least one condition, each with a name and an array of filters',
			'A condition without filters holds for everybody.');
	END IF;
	PERFORM openreplay.check_percentage(format('condition "%s"', c ->> 'name'), c -> 'rolloutPercentage') FROM jsonb_array_elements(conditions) c;
	PERFORM openreplay.check_flag_filter(c ->> 'name', f)
	FROM jsonb_array_elements(conditions) c CROSS JOIN jsonb_array_elements(coalesce(c -> 'filters', '[]')) f;

	IF jsonb_typeof(variants) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(variants) v WHERE jsonb_typeof(v) <> 'object' OR coalesce(v ->> 'value', '') = ''
				   OR jsonb_typeof(coalesce(v -> 'payload', 'null')) NOT IN ('string', 'null')) THEN
		PERFORM openreplay.refuse_flag('variants is an array, each element with a value and perhaps a payload, both texts',
			'For example [{"value": "blue", "rolloutPercentage": 50}].');
	END IF;
	IF flag_type = 'multi' AND jsonb_array_length(variants) = 0 THEN
		PERFORM openreplay.refuse_flag('Variants are required for multi variant flag', 'Give variants, or flagType single.');
	END IF;
	IF (SELECT count(DISTINCT v ->> 'value') FROM jsonb_array_elements(variants) v) < jsonb_array_length(variants) THEN
		PERFORM openreplay.refuse_flag('two variants have one value', 'The value is what the page gets, so each is its own.');
	END IF;
	SELECT coalesce(sum(openreplay.check_percentage(format('variant "%s"', v ->> 'value'), v -> 'rolloutPercentage')), 0) INTO total
	FROM jsonb_array_elements(variants) v;
	IF total > 100 THEN
		PERFORM openreplay.refuse_flag('Sum of rollout percentage for variants cannot be greater than 100.', format('It is %s.', total));
	END IF;
	-- trackers keep persistent flags in one text, separated by semicolons
	IF coalesce((definition ->> 'isPersist')::boolean, false)
		AND (definition ->> 'payload' LIKE '%;%'
			 OR EXISTS (SELECT FROM jsonb_array_elements(variants) v WHERE v ->> 'value' LIKE '%;%' OR v ->> 'payload' LIKE '%;%')) THEN
		PERFORM openreplay.refuse_flag('values and payloads of a persistent flag cannot contain a semicolon',
			'Trackers could not read what they remember.');
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.check_flag(jsonb) IS
	'Raises invalid_parameter_value, with a hint, unless the definition is one that openreplay.save_feature_flag() stores.';

CREATE FUNCTION openreplay.feature_flag(feature_flag_id integer) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object(
		'featureFlagId', f.feature_flag_id, 'flagKey', f.flag_key, 'flagType', f.flag_type, 'isPersist', f.is_persist,
		'isActive', f.is_active, 'payload', f.payload #>> '{}', 'description', f.description,
		'createdAt', (extract(epoch FROM f.created_at) * 1000)::bigint, 'updatedAt', (extract(epoch FROM f.updated_at) * 1000)::bigint,
		'createdBy', f.created_by, 'updatedBy', f.updated_by,
		'conditions', coalesce((
			SELECT jsonb_agg(jsonb_build_object('conditionId', c.condition_id, 'name', c.name, 'rolloutPercentage', c.rollout_percentage,
				'filters', coalesce((SELECT jsonb_agg((e - 'is_event') || jsonb_build_object('isEvent', coalesce(e -> 'is_event', 'false')) ORDER BY n)
									 FROM jsonb_array_elements(CASE jsonb_typeof(c.filters) WHEN 'array' THEN c.filters ELSE '[]' END) WITH ORDINALITY AS x (e, n)
									 WHERE jsonb_typeof(e) = 'object'), '[]')) ORDER BY c.condition_id)
			FROM public.feature_flags_conditions c WHERE c.feature_flag_id = f.feature_flag_id), '[]'),
		'variants', coalesce((
			SELECT jsonb_agg(jsonb_build_object('variantId', v.variant_id, 'value', v.value, 'description', v.description,
				'payload', v.payload #>> '{}', 'rolloutPercentage', v.rollout_percentage) ORDER BY v.variant_id)
			FROM public.feature_flags_variants v WHERE v.feature_flag_id = f.feature_flag_id), '[]'))
	FROM public.feature_flags f WHERE f.feature_flag_id = $1 AND f.deleted_at IS NULL
$$;
COMMENT ON FUNCTION openreplay.feature_flag(integer) IS
	'A feature flag with its conditions and variants, as openreplay.save_feature_flag() takes it; null when there is none. Times are epoch ms.';

CREATE FUNCTION openreplay.save_feature_flag(project_id integer, definition jsonb, feature_flag_id integer DEFAULT NULL, user_id integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := save_feature_flag.feature_flag_id;
	stranger text;
BEGIN
	PERFORM openreplay.check_flag(definition);
	IF EXISTS (SELECT FROM public.feature_flags f
			   WHERE f.project_id = save_feature_flag.project_id AND f.deleted_at IS NULL
				 AND lower(f.flag_key) = lower(definition ->> 'flagKey') AND f.feature_flag_id IS DISTINCT FROM id) THEN
		RAISE unique_violation USING MESSAGE = 'Feature flag with key already exists.', HINT = 'Keys are compared without regard to case.';
	END IF;

	IF id IS NULL THEN
		INSERT INTO public.feature_flags (project_id, flag_key, description, payload, flag_type, is_persist, is_active, created_by, updated_by)
		VALUES (save_feature_flag.project_id, definition ->> 'flagKey', definition ->> 'description', coalesce(definition -> 'payload', 'null'),
				coalesce(definition ->> 'flagType', 'single'), coalesce((definition ->> 'isPersist')::boolean, false),
				coalesce((definition ->> 'isActive')::boolean, true), save_feature_flag.user_id, save_feature_flag.user_id)
		RETURNING feature_flags.feature_flag_id INTO id;
	ELSE
		UPDATE public.feature_flags f
		SET flag_key = definition ->> 'flagKey', description = definition ->> 'description', payload = coalesce(definition -> 'payload', 'null'),
			flag_type = coalesce(definition ->> 'flagType', 'single'), is_persist = coalesce((definition ->> 'isPersist')::boolean, false),
			is_active = coalesce((definition ->> 'isActive')::boolean, true), updated_by = save_feature_flag.user_id,
			updated_at = timezone('utc', now())
		WHERE f.feature_flag_id = id AND f.project_id = save_feature_flag.project_id AND f.deleted_at IS NULL;
		IF NOT FOUND THEN
			RAISE no_data_found USING MESSAGE = 'Feature flag not found', DETAIL = format('Project %s has no flag %s.', save_feature_flag.project_id, id);
		END IF;
	END IF;

	SELECT format('condition %s', c ->> 'conditionId') INTO stranger FROM jsonb_array_elements(definition -> 'conditions') c
	WHERE c ->> 'conditionId' IS NOT NULL AND (c ->> 'conditionId')::integer NOT IN (SELECT k.condition_id FROM public.feature_flags_conditions k WHERE k.feature_flag_id = id);
	IF stranger IS NULL THEN
		SELECT format('variant %s', v ->> 'variantId') INTO stranger FROM jsonb_array_elements(coalesce(nullif(definition -> 'variants', 'null'), '[]')) v
		WHERE v ->> 'variantId' IS NOT NULL AND (v ->> 'variantId')::integer NOT IN (SELECT k.variant_id FROM public.feature_flags_variants k WHERE k.feature_flag_id = id);
	END IF;
	IF stranger IS NOT NULL THEN
		PERFORM openreplay.refuse_flag(format('the flag has no %s', stranger), 'Leave the id away to add one.');
	END IF;

	DELETE FROM public.feature_flags_conditions k WHERE k.feature_flag_id = id AND NOT EXISTS (
		SELECT FROM jsonb_array_elements(definition -> 'conditions') c WHERE (c ->> 'conditionId')::integer = k.condition_id);
	UPDATE public.feature_flags_conditions k SET name = n.name, rollout_percentage = n.percentage, filters = n.filters
	FROM openreplay.conditions_of_flag(definition) n WHERE k.feature_flag_id = id AND k.condition_id = n.condition_id;
	INSERT INTO public.feature_flags_conditions (feature_flag_id, name, rollout_percentage, filters)
	SELECT id, n.name, n.percentage, n.filters FROM openreplay.conditions_of_flag(definition) n WHERE n.condition_id IS NULL ORDER BY n.place;

	DELETE FROM public.feature_flags_variants k WHERE k.feature_flag_id = id AND NOT EXISTS (
		SELECT FROM jsonb_array_elements(coalesce(nullif(definition -> 'variants', 'null'), '[]')) v WHERE (v ->> 'variantId')::integer = k.variant_id);
	UPDATE public.feature_flags_variants k
	SET value = v ->> 'value', description = v ->> 'description', payload = coalesce(v -> 'payload', 'null'),
		rollout_percentage = openreplay.check_percentage('', v -> 'rolloutPercentage')
	FROM jsonb_array_elements(coalesce(nullif(definition -> 'variants', 'null'), '[]')) v
	WHERE k.feature_flag_id = id AND k.variant_id = (v ->> 'variantId')::integer;
	INSERT INTO public.feature_flags_variants (feature_flag_id, value, description, payload, rollout_percentage)
	SELECT id, v ->> 'value', v ->> 'description', coalesce(v -> 'payload', 'null'), openreplay.check_percentage('', v -> 'rolloutPercentage')
	FROM jsonb_array_elements(coalesce(nullif(definition -> 'variants', 'null'), '[]')) WITH ORDINALITY AS e (v, place)
	WHERE v ->> 'variantId' IS NULL ORDER BY place;
	RETURN openreplay.feature_flag(id);
END
$$;
COMMENT ON FUNCTION openreplay.save_feature_flag(integer, jsonb, integer, integer) IS
	'Makes a feature flag of a project, or with an id changes it, and returns it. The definition has flagKey, flagType (single, multi), isPersist, isActive, payload, description, '
	'conditions [{name, rolloutPercentage, filters}] and variants [{value, payload, description, rolloutPercentage}]. Conditions and variants with an id are changed, those without are added, those left out deleted. '
	'Raises invalid_parameter_value, unique_violation for a key in use, no_data_found.';

CREATE FUNCTION openreplay.conditions_of_flag(definition jsonb)
RETURNS TABLE (place bigint, condition_id integer, name text, percentage integer, filters jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT e.place, (e.c ->> 'conditionId')::integer, e.c ->> 'name', openreplay.check_percentage(e.c ->> 'name', e.c -> 'rolloutPercentage'),
		coalesce((SELECT jsonb_agg(openreplay.check_flag_filter(e.c ->> 'name', x.f) ORDER BY x.n)
				  FROM jsonb_array_elements(e.c -> 'filters') WITH ORDINALITY AS x (f, n)), '[]')
	FROM jsonb_array_elements(definition -> 'conditions') WITH ORDINALITY AS e (c, place)
$$;
COMMENT ON FUNCTION openreplay.conditions_of_flag(jsonb) IS 'The conditions of a checked definition as rows; for openreplay.save_feature_flag().';

CREATE FUNCTION openreplay.set_feature_flag_active(feature_flag_id integer, active boolean) RETURNS boolean
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.feature_flags f SET is_active = active, updated_at = timezone('utc', now())
	WHERE f.feature_flag_id = $1 AND f.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Failed to update feature flag status', DETAIL = format('There is no flag %s.', $1);
	END IF;
	RETURN active;
END
$$;
COMMENT ON FUNCTION openreplay.set_feature_flag_active(integer, boolean) IS
	'Switches a feature flag on or off. A deleted one stays deleted: no_data_found.';

CREATE FUNCTION openreplay.delete_feature_flag(feature_flag_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.feature_flags f SET is_active = false, deleted_at = timezone('utc', now()), updated_at = timezone('utc', now())
	WHERE f.feature_flag_id = $1 AND f.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Feature flag not found', DETAIL = format('There is no flag %s.', $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_feature_flag(integer) IS
	'Deletes a feature flag; its row stays, marked, so that sessions which were given it can still be told. Its key is free again.';

CREATE FUNCTION openreplay.search_feature_flags(project_id integer, query text DEFAULT NULL, is_active boolean DEFAULT NULL,
	created_by integer DEFAULT NULL, "limit" integer DEFAULT 15, page integer DEFAULT 1, "order" text DEFAULT 'desc') RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH found AS MATERIALIZED (
		SELECT f.feature_flag_id, row_number() OVER (
				ORDER BY CASE WHEN lower("order") = 'asc' THEN f.updated_at END, CASE WHEN lower("order") <> 'asc' THEN f.updated_at END DESC,
						 f.feature_flag_id) AS place
		FROM public.feature_flags f
		WHERE f.project_id = $1 AND f.deleted_at IS NULL AND f.is_active = coalesce($3, f.is_active)
			AND ($2 IS NULL OR strpos(lower(f.flag_key), lower($2)) > 0) AND ($4 IS NULL OR f.created_by = $4)
	)
	SELECT jsonb_build_object('total', (SELECT count(*) FROM found), 'list', coalesce((
		SELECT jsonb_agg(openreplay.feature_flag(p.feature_flag_id) - 'conditions' - 'variants' ORDER BY p.place)
		FROM found p WHERE p.place > (greatest($6, 1) - 1)::bigint * least(greatest($5, 1), 200)
			AND p.place <= greatest($6, 1)::bigint * least(greatest($5, 1), 200)), '[]'))
$$;
COMMENT ON FUNCTION openreplay.search_feature_flags(integer, text, boolean, integer, integer, integer, text) IS
	'A page of a project''s feature flags, without their conditions and variants, by time of change: {"total", "list"}. '
	'query is part of the key, limit 1 to 200, page counts from 1, order is asc or desc.';
-- ==== 8. Tags, capture conditions, usability tests =================================================================

-- ---- tags ----

CREATE FUNCTION openreplay.selector_fault(selector text) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_selector_fault';
COMMENT ON FUNCTION openreplay.selector_fault(text) IS
	'The place, from 1, where a text stops being a CSS selector that all browsers of today take; null when it is one.';

CREATE FUNCTION openreplay.save_tag(project_id integer, name text, selector text, ignore_click_rage boolean DEFAULT false,
	ignore_dead_click boolean DEFAULT false, location text DEFAULT NULL, tag_id integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	id integer := save_tag.tag_id;
	fault integer := openreplay.selector_fault(trim(save_tag.selector));
BEGIN
	IF length(trim(coalesce(save_tag.name, ''))) NOT BETWEEN 1 AND 100 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a tag needs a name of 1 to 100 characters';
	END IF;
	IF length(trim(coalesce(save_tag.selector, ''))) NOT BETWEEN 1 AND 255 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a tag needs a CSS selector of 1 to 255 characters';
	END IF;
	IF fault IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('"%s" is no CSS selector', save_tag.selector),
			DETAIL = format('It makes no sense from character %s on.', fault),
			HINT = 'Pages would throw an error at it. Pseudo-elements such as ::before match nothing.';
	END IF;
	IF length(save_tag.location) > 500 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the location of a tag has at most 500 characters';
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.tags (project_id, name, selector, ignore_click_rage, ignore_dead_click, location)
		VALUES (save_tag.project_id, trim(save_tag.name), trim(save_tag.selector), save_tag.ignore_click_rage, save_tag.ignore_dead_click,
				nullif(save_tag.location, ''))
		RETURNING tags.tag_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.tags t
	SET name = trim(save_tag.name), selector = trim(save_tag.selector), ignore_click_rage = save_tag.ignore_click_rage,
		ignore_dead_click = save_tag.ignore_dead_click, location = nullif(save_tag.location, '')
	WHERE t.tag_id = id AND t.project_id = save_tag.project_id AND t.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'tag not found', DETAIL = format('Project %s has no tag %s.', save_tag.project_id, id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_tag(integer, text, text, boolean, boolean, text, integer) IS
	'Names an element of a project''s pages by its CSS selector, or with an id changes that, and returns the id. Trackers tell when it is seen, where the page''s '
	'location matches; clicks on it are no click rage or dead clicks if it says so. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.delete_tag(tag_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.tags t SET deleted_at = timezone('utc', now()) WHERE t.tag_id = $1 AND t.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'tag not found', DETAIL = format('There is no tag %s.', $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_tag(integer) IS 'Deletes a tag; where it was seen stays known.';

CREATE FUNCTION openreplay.tags(project_id integer, days integer DEFAULT 7)
RETURNS TABLE (tag_id integer, name text, selector text, ignore_click_rage boolean, ignore_dead_click boolean, location text,
			   volume bigint, users bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT t.tag_id, t.name, t.selector, t.ignore_click_rage, t.ignore_dead_click, t.location, coalesce(n.volume, 0), coalesce(n.users, 0)
	FROM public.tags t
	LEFT JOIN LATERAL (
		SELECT count(*) AS volume, count(DISTINCT coalesce(s.user_id, s.user_uuid::text)) AS users
		FROM events.tags e JOIN public.sessions s USING (session_id)
		WHERE e.tag_id = t.tag_id
			AND e."timestamp" >= (extract(epoch FROM now()) * 1000)::bigint - days * 86400000::bigint
			AND e.session_id >= openreplay.session_id_at(now() - make_interval(days => days + 1))
			AND s.session_id >= openreplay.session_id_at(now() - make_interval(days => days + 1))
	) n ON true
	WHERE t.project_id = $1 AND t.deleted_at IS NULL
	ORDER BY t.tag_id
$$;
COMMENT ON FUNCTION openreplay.tags(integer, integer) IS
	'The tags of a project; volume is how often each was seen in the last days, users by how many visitors.';

-- ---- capture conditions ----

CREATE FUNCTION openreplay.condition_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT ARRAY['click', 'clickEvent', 'custom', 'duration', 'error', 'event', 'fetch', 'location', 'logEvent', 'mainThreadCPU', 'mainThreadCpu',
		'memoryUsage', 'metadata', 'network_message', 'session_duration', 'thermalState', 'userId', 'viewComponent']
$$;
COMMENT ON FUNCTION openreplay.condition_types() IS 'What filters of capture conditions can be about, for web or mobile trackers.';

CREATE FUNCTION openreplay.capture_conditions(project_id integer) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('rate', p.sample_rate, 'conditionalCapture', p.conditional_capture, 'conditions', coalesce((
		SELECT jsonb_agg(jsonb_build_object('conditionId', c.condition_id, 'name', c.name, 'captureRate', c.capture_rate, 'filters', c.filters)
						 ORDER BY c.condition_id)
		FROM public.projects_conditions c WHERE c.project_id = p.project_id), '[]'))
	FROM public.projects p WHERE p.project_id = $1
$$;
COMMENT ON FUNCTION openreplay.capture_conditions(integer) IS
	'Which share of a project''s visits is recorded, in general and when a condition is met, as openreplay.save_capture_conditions() takes it.';

CREATE FUNCTION openreplay.check_capture_rules(rules jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	conditions jsonb := coalesce(nullif(rules -> 'conditions', 'null'), '[]');
	rate jsonb := coalesce(nullif(rules -> 'rate', 'null'), '0');
	problem text;
BEGIN
	IF jsonb_typeof(rules) IS DISTINCT FROM 'object' OR jsonb_typeof(conditions) <> 'array'
		OR jsonb_typeof(coalesce(rules -> 'conditionalCapture', 'false')) <> 'boolean' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'capture rules are a JSON object with an array of conditions',
			HINT = 'For example {"rate": 10, "conditionalCapture": true, "conditions": [{"name": "errors", "captureRate": 100, "filters": '
				'[{"type": "error", "operator": "contains", "value": ["TypeError"]}]}]}.';
	END IF;
	SELECT p INTO problem
	FROM jsonb_array_elements(conditions) WITH ORDINALITY AS e (c, n)
	CROSS JOIN LATERAL (SELECT CASE
		WHEN jsonb_typeof(c) <> 'object' OR length(trim(coalesce(c ->> 'name', ''))) NOT BETWEEN 1 AND 255
			THEN 'a condition needs a name of 1 to 255 characters'
		WHEN jsonb_typeof(c -> 'captureRate') IS DISTINCT FROM 'number' OR (c ->> 'captureRate')::numeric NOT BETWEEN 0 AND 100
			THEN format('captureRate of condition "%s" is a number from 0 to 100', c ->> 'name')
		WHEN jsonb_typeof(coalesce(c -> 'filters', '[]')) <> 'array'
			THEN format('filters of condition "%s" are an array', c ->> 'name')
		END) AS x (p)
	WHERE p IS NOT NULL ORDER BY n LIMIT 1;
	IF problem IS NULL THEN
		SELECT format('a filter of condition "%s" cannot be %s: it has a type of %s, and an array of values', c ->> 'name', f,
					  array_to_string(openreplay.condition_types(), ', ')) INTO problem
		FROM jsonb_array_elements(conditions) WITH ORDINALITY AS e (c, n)
		CROSS JOIN jsonb_array_elements(coalesce(c -> 'filters', '[]')) WITH ORDINALITY AS g (f, m)
		WHERE coalesce(f ->> 'type', '') <> ALL (openreplay.condition_types()) OR jsonb_typeof(coalesce(f -> 'value', '[]')) <> 'array'
		ORDER BY n, m LIMIT 1;
	END IF;
	IF problem IS NULL AND (SELECT count(DISTINCT trim(c ->> 'name')) FROM jsonb_array_elements(conditions) c) < jsonb_array_length(conditions) THEN
		problem := 'two conditions have one name';
	END IF;
	IF problem IS NULL AND (jsonb_typeof(rate) <> 'number' OR (rate #>> '{}')::numeric NOT BETWEEN 0 AND 100) THEN
		problem := 'rate is a number from 0 to 100';
	END IF;
	IF problem IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = problem,
			HINT = 'Trackers report the name of the condition that was met, and its rate decides then.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.check_capture_rules(jsonb) IS
	'Raises invalid_parameter_value, with a hint, unless the rules are such as openreplay.save_capture_conditions() stores.';

CREATE FUNCTION openreplay.save_capture_conditions(project_id integer, rules jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	conditions jsonb := coalesce(nullif(rules -> 'conditions', 'null'), '[]');
BEGIN
	PERFORM openreplay.check_capture_rules(rules);
	UPDATE public.projects p
	SET sample_rate = coalesce(round((rules ->> 'rate')::numeric), p.sample_rate),
		conditional_capture = coalesce((rules ->> 'conditionalCapture')::boolean, p.conditional_capture)
	WHERE p.project_id = save_capture_conditions.project_id;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'project not found', DETAIL = format('There is no project %s.', save_capture_conditions.project_id);
	END IF;
	DELETE FROM public.projects_conditions k WHERE k.project_id = save_capture_conditions.project_id AND NOT EXISTS (
		SELECT FROM jsonb_array_elements(conditions) c WHERE (c ->> 'conditionId')::integer = k.condition_id);
	UPDATE public.projects_conditions k
	SET name = trim(c ->> 'name'), capture_rate = round((c ->> 'captureRate')::numeric), filters = coalesce(c -> 'filters', '[]')
	FROM jsonb_array_elements(conditions) c
	WHERE k.project_id = save_capture_conditions.project_id AND k.condition_id = (c ->> 'conditionId')::integer;
	INSERT INTO public.projects_conditions (project_id, name, capture_rate, filters)
	SELECT save_capture_conditions.project_id, trim(c ->> 'name'), round((c ->> 'captureRate')::numeric), coalesce(c -> 'filters', '[]')
	FROM jsonb_array_elements(conditions) WITH ORDINALITY AS e (c, n)
	WHERE NOT EXISTS (SELECT FROM public.projects_conditions k
					  WHERE k.project_id = save_capture_conditions.project_id AND k.condition_id = (c ->> 'conditionId')::integer)
	ORDER BY n;
	RETURN openreplay.capture_conditions(save_capture_conditions.project_id);
END
$$;
COMMENT ON FUNCTION openreplay.save_capture_conditions(integer, jsonb) IS
	'Replaces the capture rules of a project: {"rate", "conditionalCapture", "conditions": [{"name", "captureRate", "filters"}]}, and returns them. '
	'Conditions left out are deleted; rate and conditionalCapture left out stay. Ingest servers know at once. Raises invalid_parameter_value, no_data_found.';

-- ---- usability tests ----

CREATE FUNCTION openreplay.save_usability_test(project_id integer, definition jsonb, test_id integer DEFAULT NULL, user_id integer DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := save_usability_test.test_id;
	tasks jsonb := nullif(definition -> 'tasks', 'null');
BEGIN
	IF jsonb_typeof(definition) IS DISTINCT FROM 'object' OR length(coalesce(definition ->> 'title', '')) NOT BETWEEN 1 AND 255
		OR length(definition ->> 'startingPath') > 255 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a usability test is a JSON object with a title, and perhaps a startingPath, of at most 255 characters',
			HINT = 'For example {"title": "Checkout", "startingPath": "/cart", "tasks": [{"title": "Buy a jacket"}]}.';
	END IF;
	IF jsonb_typeof(tasks) <> 'array' OR EXISTS (
			SELECT FROM jsonb_array_elements(tasks) t WHERE jsonb_typeof(t) <> 'object' OR length(coalesce(t ->> 'title', '')) NOT BETWEEN 1 AND 255) THEN
		RAISE invalid_parameter_value USING MESSAGE = 'tasks is an array of objects, each with a title of 1 to 255 characters';
	END IF;
	IF definition ->> 'status' <> ALL (enum_range(NULL::public.ui_tests_status)::text[]) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('status cannot be "%s"', definition ->> 'status'),
			HINT = format('It is one of %s.', array_to_string(enum_range(NULL::public.ui_tests_status), ', '));
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.ut_tests (project_id, title, status, created_by)
		VALUES (save_usability_test.project_id, definition ->> 'title', 'in-progress', save_usability_test.user_id)
		RETURNING ut_tests.test_id INTO id;
	END IF;
	UPDATE public.ut_tests t
	SET title = definition ->> 'title', starting_path = definition ->> 'startingPath',
		status = coalesce(definition ->> 'status', t.status::text)::public.ui_tests_status,
		require_mic = coalesce((definition ->> 'requireMic')::boolean, false), require_camera = coalesce((definition ->> 'requireCamera')::boolean, false),
		visibility = coalesce((definition ->> 'visibility')::boolean, false), description = definition ->> 'description',
		guidelines = definition ->> 'guidelines', conclusion_message = definition ->> 'conclusionMessage',
		updated_by = save_usability_test.user_id, updated_at = timezone('utc', now())
	WHERE t.test_id = id AND t.project_id = save_usability_test.project_id AND t.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Test not found', DETAIL = format('Project %s has no usability test %s.', save_usability_test.project_id, id);
	END IF;
	IF tasks IS NOT NULL THEN
		DELETE FROM public.ut_tests_tasks k WHERE k.test_id = id AND NOT EXISTS (
			SELECT FROM jsonb_array_elements(tasks) t WHERE (t ->> 'taskId')::integer = k.task_id);
		UPDATE public.ut_tests_tasks k
		SET title = t ->> 'title', description = t ->> 'description', allow_typing = coalesce((t ->> 'allowTyping')::boolean, false)
		FROM jsonb_array_elements(tasks) t WHERE k.test_id = id AND k.task_id = (t ->> 'taskId')::integer;
		INSERT INTO public.ut_tests_tasks (test_id, title, description, allow_typing)
		SELECT id, t ->> 'title', t ->> 'description', coalesce((t ->> 'allowTyping')::boolean, false)
		FROM jsonb_array_elements(tasks) WITH ORDINALITY AS e (t, n) WHERE t ->> 'taskId' IS NULL ORDER BY n;
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_usability_test(integer, jsonb, integer, integer) IS
	'Makes a usability test of a project, or with an id changes it, and returns its id. The definition has title, startingPath, status (preview, in-progress, paused, closed), '
	'requireMic, requireCamera, visibility, description, guidelines, conclusionMessage and tasks [{taskId, title, description, allowTyping}]; without tasks they stay, else those '
	'left out are deleted with their answers. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.delete_usability_test(test_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.ut_tests t SET deleted_at = timezone('utc', now()) WHERE t.test_id = $1 AND t.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Test not found', DETAIL = format('There is no usability test %s.', $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_usability_test(integer) IS 'Ends a usability test for good; its results stay.';

CREATE FUNCTION openreplay.usability_test_statistics(test_id integer)
RETURNS TABLE (tests_attempts bigint, tests_skipped bigint, tasks_completed bigint, tasks_skipped bigint, completed_all_tasks bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH signals AS (
		SELECT * FROM public.ut_tests_signals s WHERE s.test_id = $1 AND s.status IN ('done', 'skipped')
	)
	SELECT count(*) FILTER (WHERE task_id IS NULL), count(*) FILTER (WHERE task_id IS NULL AND status = 'skipped'),
		count(*) FILTER (WHERE task_id IS NOT NULL AND status = 'done'), count(*) FILTER (WHERE task_id IS NOT NULL AND status = 'skipped'),
		(SELECT count(*) FROM (
			SELECT FROM signals WHERE status = 'done' AND task_id IS NOT NULL GROUP BY session_id
			HAVING count(DISTINCT task_id) = (SELECT count(*) FROM public.ut_tests_tasks k WHERE k.test_id = $1)) AS whole)
	FROM signals
$$;
COMMENT ON FUNCTION openreplay.usability_test_statistics(integer) IS
	'How a usability test went: attempts that ended and how many of them were skipped, tasks done and skipped, and sessions that did every task.';

CREATE FUNCTION openreplay.usability_task_statistics(test_id integer)
RETURNS TABLE (task_id integer, title text, completed bigint, skipped bigint, avg_completion_ms bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT k.task_id, k.title::text, count(*) FILTER (WHERE s.status = 'done'), count(*) FILTER (WHERE s.status = 'skipped'),
		round(avg(s.duration) FILTER (WHERE s.status = 'done'))::bigint
	FROM public.ut_tests_tasks k LEFT JOIN public.ut_tests_signals s ON s.task_id = k.task_id
	WHERE k.test_id = $1 GROUP BY k.task_id, k.title ORDER BY k.task_id
$$;
COMMENT ON FUNCTION openreplay.usability_task_statistics(integer) IS
	'How each task of a usability test went; the average time, in ms, is of those who did it.';

CREATE FUNCTION openreplay.usability_answers(task_id integer)
RETURNS TABLE (session_id bigint, user_id text, status text, answer text, answered_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.session_id, v.user_id, s.status::text, s.comment, to_timestamp(s."timestamp" / 1000.0)
	FROM public.ut_tests_signals s LEFT JOIN public.sessions v USING (session_id)
	WHERE s.task_id = $1 AND s.status IN ('done', 'skipped') AND s.comment IS NOT NULL
	ORDER BY s."timestamp" DESC, s.signal_id DESC
$$;
COMMENT ON FUNCTION openreplay.usability_answers(integer) IS 'What visitors answered to a task of a usability test, newest first.';

-- ==== 9. Outbox ====================================================================================================

/*
 * What must leave the database is a row here; the uploader claims it, does it and says so. A claim is a column, not a
 * lock: it outlives the uploader's transaction and connection, and is taken back from an uploader that no longer beats.
 * Each row with a key is there once, so one recording is never in two hands: what is queued again while it is being
 * done follows when that is done.
 */
CREATE FUNCTION openreplay.install_outbox() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.outbox') IS NULL THEN
		CREATE TABLE openreplay.outbox (
			outbox_id		bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			kind			text NOT NULL CHECK (length(kind) BETWEEN 1 AND 60),
			key				text,
			payload			jsonb NOT NULL,
			queued_at		timestamptz NOT NULL DEFAULT clock_timestamp(),
			next_try		timestamptz NOT NULL DEFAULT clock_timestamp(),
			attempts		integer NOT NULL DEFAULT 0,
			given_up		boolean NOT NULL DEFAULT false,
			claimed_by		text,
			claimed_at		timestamptz,
			followed_by		text CHECK (followed_by IN ('repeat', 'remove')),
			last_error		text,
			receiver		text GENERATED ALWAYS AS (left(CASE
				WHEN kind IN ('webhook', 'slack', 'msteams') THEN 'webhook ' || (payload ->> 'webhook_id')
				WHEN kind = 'email' THEN 'email ' || lower(payload #>> '{body,to}') END, 300)) STORED,
			UNIQUE (kind, key),
			CHECK (followed_by IS NULL OR claimed_by IS NOT NULL)
		) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
		-- the next to claim of a kind
		CREATE INDEX outbox_next_idx ON openreplay.outbox (kind, next_try) WHERE claimed_by IS NULL AND NOT given_up;
		-- what an uploader holds, and what dead ones held
		CREATE INDEX outbox_claimed_idx ON openreplay.outbox (claimed_by) WHERE claimed_by IS NOT NULL;
		-- what needs somebody's attention
		CREATE INDEX outbox_given_up_idx ON openreplay.outbox (kind) WHERE given_up;
		-- the first of each receiver
		CREATE INDEX outbox_receiver_idx ON openreplay.outbox (receiver, outbox_id) WHERE receiver IS NOT NULL AND NOT given_up;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_trigger
				   WHERE tgrelid = 'openreplay.outbox'::regclass AND tgname = 'wake_uploaders') THEN
		CREATE TRIGGER wake_uploaders AFTER INSERT ON openreplay.outbox
			FOR EACH STATEMENT EXECUTE FUNCTION openreplay.wake_uploaders();
	END IF;
	COMMENT ON TABLE openreplay.outbox IS
		'What must leave the database: recordings to be stored, blobs to be removed, hooks to be called. Done ones are gone from here; those that were given up stay until openreplay.retry_outbox() or a DELETE.';
	COMMENT ON COLUMN openreplay.outbox.key IS
		'What it is about, for a recording its session: queued again before it was done it is done once. NULL: nothing to compare.';
	COMMENT ON COLUMN openreplay.outbox.attempts IS 'Claims so far; a dead uploader''s count too.';
	COMMENT ON COLUMN openreplay.outbox.given_up IS 'After openreplay.outbox_attempts, or at once when trying again is useless.';
	COMMENT ON COLUMN openreplay.outbox.followed_by IS
		'What comes when the try under way is over. repeat: the same once more, as more has arrived; remove: what it put is removed, as its session was deleted.';

	COMMENT ON COLUMN openreplay.outbox.receiver IS
		'Whom a message is for. A receiver gets its messages one after the other, in the order they were queued.';

	IF to_regclass('openreplay.uploaders') IS NULL THEN
		CREATE TABLE openreplay.uploaders (
			worker			text PRIMARY KEY CHECK (length(worker) BETWEEN 1 AND 200),
			heartbeat		timestamptz NOT NULL
		);
	END IF;
	COMMENT ON TABLE openreplay.uploaders IS
		'When each uploader was last heard of. What one holds that was silent for a minute is given to others.';

	IF to_regclass('openreplay.stored_recordings') IS NULL THEN
		CREATE TABLE openreplay.stored_recordings (
			session_id		bigint PRIMARY KEY,
			stored_at		timestamptz NOT NULL,
			files			text[],
			batches_gone	boolean NOT NULL DEFAULT false
		) PARTITION BY RANGE (session_id);
	END IF;
	COMMENT ON TABLE openreplay.stored_recordings IS
		'Sessions whose recording is in storage, as of stored_at. Their batches may go once nothing more can arrive.';
	COMMENT ON COLUMN openreplay.stored_recordings.files IS
		'The objects of the session that storage has. Of these none may be missing when something is merged into them.';
	COMMENT ON COLUMN openreplay.stored_recordings.batches_gone IS
		'Some of its batches were dropped: what comes late is merged into the stored files, which alone have the rest.';

	IF to_regclass('openreplay.assets') IS NULL THEN
		CREATE TABLE openreplay.assets (
			key				text COLLATE "C" PRIMARY KEY,
			url				text NOT NULL,
			state			text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'stored', 'failed')),
			queued_at		timestamptz NOT NULL DEFAULT clock_timestamp(),
			stored_at		timestamptz,
			reason			text
		);
		CREATE INDEX assets_queued_at_idx ON openreplay.assets (queued_at);
	END IF;
	COMMENT ON TABLE openreplay.assets IS
		'Style sheets and fonts that recordings name, and whether a copy of them is stored. The key ends with the day of the month in which the session began; rows are forgotten after 40 days.';
	COMMENT ON COLUMN openreplay.assets.reason IS 'Why there is no copy.';

	IF to_regclass('openreplay.outbox_status') IS NULL THEN
		CREATE VIEW openreplay.outbox_status AS
			SELECT kind,
				   count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL) AS pending,
				   count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL AND attempts > 0) AS to_be_retried,
				   count(*) FILTER (WHERE claimed_by IS NOT NULL) AS in_progress,
				   count(*) FILTER (WHERE given_up) AS failed,
				   min(queued_at) FILTER (WHERE NOT given_up) AS oldest_queued_at,
				   min(next_try) FILTER (WHERE NOT given_up AND claimed_by IS NULL) AS next_try,
				   (array_agg(last_error ORDER BY given_up DESC, outbox_id DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
			FROM openreplay.outbox GROUP BY kind;
	END IF;
	COMMENT ON VIEW openreplay.outbox_status IS
		'The outbox by kind: what waits, is tried again, is being done, was given up, with the newest error.';

	GRANT SELECT, DELETE ON openreplay.outbox TO openreplay_admin;
	GRANT SELECT ON openreplay.outbox_status, openreplay.uploaders, openreplay.stored_recordings, openreplay.assets
		TO openreplay_reader, openreplay_admin, openreplay_uploader;
END
$$;
COMMENT ON FUNCTION openreplay.install_outbox() IS 'Creates the missing tables of the outbox.';

/*
 * NOTIFY fails the transaction when its queue is full, which a listener that sits in an open transaction can cause. What
 * is announced can also be read, so an announcement is never worth that.
 */
CREATE FUNCTION openreplay.announce(channel text, message text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT pg_notify(channel, message) WHERE pg_notification_queue_usage() < 0.5 AND octet_length(message) < 7900
$$;
COMMENT ON FUNCTION openreplay.announce(text, text) IS
	'NOTIFY that never fails: a message that is too long, or finds the queue half full, is not sent.';

CREATE FUNCTION openreplay.wake_uploaders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM openreplay.announce('openreplay_outbox', '');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION openreplay.wake_uploaders() IS 'Statement trigger on the outbox: notifies channel openreplay_outbox.';

CREATE FUNCTION openreplay.queue_many(kind text, payloads jsonb[], keys text[]) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.outbox AS o (kind, payload, key)
	SELECT queue_many.kind, q.payload, q.key FROM unnest(payloads, keys) WITH ORDINALITY AS q (payload, key, n) ORDER BY q.key, q.n
	ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, queued_at = excluded.queued_at, given_up = false,
		attempts = CASE WHEN o.claimed_by IS NULL THEN 0 ELSE o.attempts END,
		next_try = CASE WHEN o.claimed_by IS NULL THEN excluded.next_try ELSE o.next_try END,
		followed_by = CASE WHEN o.claimed_by IS NULL THEN NULL ELSE 'repeat' END
	RETURNING outbox_id
$$;
COMMENT ON FUNCTION openreplay.queue_many(text, jsonb[], text[]) IS
	'openreplay.queue_outbox() for many at once; the keys differ or are NULL.';

CREATE FUNCTION openreplay.queue_outbox(kind text, payload jsonb, key text DEFAULT NULL) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT openreplay.queue_many(kind, ARRAY[payload], ARRAY[key])
$$;
COMMENT ON FUNCTION openreplay.queue_outbox(text, jsonb, text) IS
	'Queues something that must leave the database, and returns its number. What is there already under its key is renewed: tried at once if it waits, or once more after the try under way.';

CREATE FUNCTION openreplay.queue_recordings(session_ids bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT openreplay.queue_many('recording', payloads, keys) FROM (
		SELECT array_agg(jsonb_build_object('session_id', id)) AS payloads, array_agg(id::text) AS keys
		FROM (SELECT DISTINCT id FROM unnest(session_ids) AS id) AS sessions) AS recordings
$$;
COMMENT ON FUNCTION openreplay.queue_recordings(bigint[]) IS
	'Queues the recordings of sessions to be stored. The end of a session does so, and its next end after late data.';

CREATE FUNCTION openreplay.queue_removal(session_ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM openreplay.outbox o
	WHERE o.kind = 'recording' AND o.key = ANY (queue_removal.session_ids::text[]) AND o.claimed_by IS NULL;
	UPDATE openreplay.outbox o SET followed_by = 'remove'
	WHERE o.kind = 'recording' AND o.key = ANY (queue_removal.session_ids::text[]) AND o.claimed_by IS NOT NULL;
	PERFORM openreplay.queue_outbox('remove', jsonb_build_object('session_ids', jsonb_agg(s.id ORDER BY s.n)))
	FROM unnest(queue_removal.session_ids) WITH ORDINALITY AS s (id, n) GROUP BY (s.n - 1) / 1000;
END
$$;
COMMENT ON FUNCTION openreplay.queue_removal(bigint[]) IS
	'Queues the removal of all that storage holds of sessions, up to a thousand in a row of the outbox, and takes back what was queued for them. Whoever deletes sessions does so in the same transaction.';

-- ---- assets ----

CREATE FUNCTION openreplay.forget_assets() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH forgotten AS (DELETE FROM openreplay.assets WHERE queued_at < now() - interval '40 days' RETURNING 1)
	SELECT count(*) FROM forgotten
$$;
COMMENT ON FUNCTION openreplay.forget_assets() IS
	'Forgets assets that no session of the last 40 days named, and returns how many. Their objects are the storage''s to expire.';

CREATE FUNCTION openreplay.is_copied(key text, within interval DEFAULT '40 days') RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM openreplay.assets a WHERE a.key = is_copied.key AND a.stored_at > now() - within)
$$;
COMMENT ON FUNCTION openreplay.is_copied(text, interval) IS 'Whether a copy of the asset with this key is stored, for recordings to name it.';

CREATE FUNCTION openreplay.note_asset(key text, url text, reason text DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.assets AS a (key, url, state, stored_at, reason)
	VALUES (key, url, CASE WHEN reason IS NULL THEN 'stored' ELSE 'failed' END, CASE WHEN reason IS NULL THEN clock_timestamp() END, left(reason, 500))
	ON CONFLICT ON CONSTRAINT assets_pkey DO UPDATE SET state = excluded.state, queued_at = excluded.queued_at,
		stored_at = coalesce(excluded.stored_at, a.stored_at), reason = excluded.reason
$$;
COMMENT ON FUNCTION openreplay.note_asset(text, text, text) IS
	'An uploader tells that it has stored an asset, or why there is no copy of it. An older copy stays in use.';

-- ---- for uploaders ----

CREATE FUNCTION openreplay.beat_outbox(worker text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.uploaders (worker, heartbeat) VALUES (worker, clock_timestamp())
	ON CONFLICT ON CONSTRAINT uploaders_pkey DO UPDATE SET heartbeat = excluded.heartbeat
$$;
COMMENT ON FUNCTION openreplay.beat_outbox(text) IS
	'An uploader tells that it is alive, at least every 20 s; claim_outbox() tells it too. What it holds is given to others after a minute of silence.';

CREATE FUNCTION openreplay.put_back_outbox(outbox_id bigint, error text, permanent boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
	attempts_limit integer := coalesce(nullif(current_setting('openreplay.outbox_attempts', true), '')::integer, 40);
BEGIN
	SELECT * INTO item FROM openreplay.outbox o WHERE o.outbox_id = put_back_outbox.outbox_id FOR UPDATE;
	IF item.followed_by = 'remove' THEN
		DELETE FROM openreplay.outbox o WHERE o.outbox_id = item.outbox_id;
		PERFORM openreplay.queue_removal(ARRAY[item.key::bigint]);
		RETURN;
	END IF;
	UPDATE openreplay.outbox o
	SET claimed_by = NULL, claimed_at = NULL, followed_by = NULL, last_error = left(put_back_outbox.error, 2000),
		attempts = CASE WHEN item.followed_by = 'repeat' THEN 0 ELSE item.attempts END,
		given_up = item.followed_by IS NULL AND (put_back_outbox.permanent OR item.attempts >= attempts_limit),
		-- 10 s, 20 s, 40 s ... an hour, each between half and one and a half of that, so that they do not come together
		next_try = clock_timestamp() + interval '1 second' * (0.5 + random()) * least(3600, 5 * 2.0 ^ least(item.attempts, 20))
	WHERE o.outbox_id = item.outbox_id;
END
$$;
COMMENT ON FUNCTION openreplay.put_back_outbox(bigint, text, boolean) IS
	'Ends a try that failed; for fail_outbox() and for what dead uploaders held.';

CREATE FUNCTION openreplay.take_back_outbox() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH abandoned AS MATERIALIZED (
		SELECT o.outbox_id, o.claimed_by FROM openreplay.outbox o
		WHERE o.claimed_by IS NOT NULL AND NOT EXISTS (
			SELECT FROM openreplay.uploaders u
			WHERE u.worker = o.claimed_by AND u.heartbeat > clock_timestamp() - interval '60 seconds')
		ORDER BY o.claimed_by LIMIT 1000 FOR UPDATE SKIP LOCKED
	)
	SELECT openreplay.put_back_outbox(a.outbox_id, format('uploader "%s" stopped during the try', a.claimed_by), false) FROM abandoned a
$$;
COMMENT ON FUNCTION openreplay.take_back_outbox() IS 'Puts back what uploaders hold that were silent for a minute. Every claim does so.';

CREATE FUNCTION openreplay.claim_outbox(worker text, kinds text[], max integer)
RETURNS TABLE (outbox_id bigint, kind text, payload jsonb, attempts integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
	wanted text;
	missing integer := claim_outbox.max;
	claimed integer;
BEGIN
	IF claim_outbox.max IS NULL OR claim_outbox.max NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'an uploader claims 1 to 1000 at once, not %', coalesce(claim_outbox.max::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM openreplay.beat_outbox(claim_outbox.worker);
	PERFORM openreplay.take_back_outbox();

	FOREACH wanted IN ARRAY claim_outbox.kinds
	LOOP
		EXIT WHEN missing = 0;
		RETURN QUERY
			WITH next AS MATERIALIZED (
				SELECT o.outbox_id FROM openreplay.outbox o
				WHERE o.kind = wanted AND o.claimed_by IS NULL AND NOT o.given_up AND o.next_try <= clock_timestamp()
				ORDER BY o.next_try LIMIT missing FOR UPDATE SKIP LOCKED
			)
			UPDATE openreplay.outbox o SET claimed_by = claim_outbox.worker, claimed_at = clock_timestamp(), attempts = o.attempts + 1
			FROM next WHERE o.outbox_id = next.outbox_id
			RETURNING o.outbox_id, o.kind, o.payload, o.attempts;
		GET DIAGNOSTICS claimed = ROW_COUNT;
		missing := missing - claimed;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.claim_outbox(text, text[], integer) IS
	'Gives an uploader up to max rows of these kinds to do, the first kind first, oldest first, never one that another holds. Commit before doing them. attempts is 1 at the first try.';

/*
 * Only the first message of a receiver is ever given away, so its messages keep their order whoever delivers them, and one
 * that is down holds up its own alone. The walk from receiver to receiver reads one index entry each, whatever waits.
 */
CREATE FUNCTION openreplay.claim_deliveries(worker text, kinds text[], max integer)
RETURNS TABLE (outbox_id bigint, kind text, attempts integer, receiver text, idempotency_key text, problem text,
	endpoint text, auth_header text, body text, "to" text, subject text, plain text, html text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
BEGIN
	IF claim_deliveries.max IS NULL OR claim_deliveries.max NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'an uploader claims 1 to 1000 at once, not %', coalesce(claim_deliveries.max::text, 'NULL')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM openreplay.beat_outbox(claim_deliveries.worker);
	PERFORM openreplay.take_back_outbox();

	RETURN QUERY
		WITH RECURSIVE head AS (
			(SELECT o.receiver, o.outbox_id FROM openreplay.outbox o
			 WHERE o.receiver IS NOT NULL AND NOT o.given_up ORDER BY o.receiver, o.outbox_id LIMIT 1)
			UNION ALL
			SELECT n.receiver, n.outbox_id FROM head h, LATERAL (
				SELECT o.receiver, o.outbox_id FROM openreplay.outbox o
				WHERE o.receiver > h.receiver AND NOT o.given_up ORDER BY o.receiver, o.outbox_id LIMIT 1) n
		), next AS MATERIALIZED (
			SELECT o.outbox_id FROM head h JOIN openreplay.outbox o USING (outbox_id)
			WHERE o.kind = ANY (claim_deliveries.kinds) AND o.claimed_by IS NULL AND NOT o.given_up AND o.next_try <= clock_timestamp()
			ORDER BY o.next_try LIMIT claim_deliveries.max FOR UPDATE OF o SKIP LOCKED
		), claimed AS (
			UPDATE openreplay.outbox o SET claimed_by = claim_deliveries.worker, claimed_at = clock_timestamp(), attempts = o.attempts + 1
			FROM next WHERE o.outbox_id = next.outbox_id
			RETURNING o.outbox_id, o.kind, o.attempts, o.receiver, o.payload
		)
		SELECT c.outbox_id, c.kind, c.attempts, c.receiver, coalesce(c.payload ->> 'idempotency_key', 'outbox-' || c.outbox_id),
			CASE WHEN c.kind <> 'email' AND w.webhook_id IS NULL
				THEN format('there is no %s %s any more', c.kind, c.payload ->> 'webhook_id') END,
			w.endpoint, w.auth_header, c.payload ->> 'body',
			c.payload #>> '{body,to}', c.payload #>> '{body,subject}', c.payload #>> '{body,text}', c.payload #>> '{body,html}'
		FROM claimed c
		LEFT JOIN public.webhooks w ON c.kind <> 'email' AND w.webhook_id::text = c.payload ->> 'webhook_id'
			AND w.type::text = c.kind AND w.deleted_at IS NULL;
END
$$;
COMMENT ON FUNCTION openreplay.claim_deliveries(text, text[], integer) IS
	'Gives an uploader up to max messages of these kinds (webhook, slack, msteams, email) to deliver, with what is needed for that, secrets among it: at most one of each receiver, the first. Commit before delivering them; tell the end by finish_outbox() and fail_outbox(). problem: why it cannot be delivered at all.';

CREATE FUNCTION openreplay.holds_outbox(outbox_id bigint, worker text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM openreplay.outbox o WHERE o.outbox_id = holds_outbox.outbox_id AND o.claimed_by = holds_outbox.worker)
$$;
COMMENT ON FUNCTION openreplay.holds_outbox(bigint, text) IS
	'Whether what an uploader claimed is still its own. One that was silent for long asks before it replaces what another may have stored.';

CREATE FUNCTION openreplay.finish_outbox(outbox_id bigint, worker text, files text[] DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
BEGIN
	SELECT * INTO item FROM openreplay.outbox o
	WHERE o.outbox_id = finish_outbox.outbox_id AND o.claimed_by = finish_outbox.worker FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF item.followed_by = 'remove' THEN
		PERFORM openreplay.put_back_outbox(item.outbox_id, NULL, false);
		RETURN true;
	END IF;
	IF item.kind = 'recording' THEN
		LOOP
			BEGIN
				INSERT INTO openreplay.stored_recordings (session_id, stored_at, files)
				VALUES (item.key::bigint, item.claimed_at, finish_outbox.files)
				ON CONFLICT (session_id) DO UPDATE SET stored_at = excluded.stored_at, files = excluded.files;
				EXIT;
			EXCEPTION WHEN check_violation THEN
				-- its month has gone with the retention of others, or is older than this table
				PERFORM openreplay.ensure_session_partitions(openreplay.session_time(item.key::bigint), 0);
			END;
		END LOOP;
	END IF;
	IF item.followed_by = 'repeat' THEN
		UPDATE openreplay.outbox o SET claimed_by = NULL, claimed_at = NULL, followed_by = NULL, attempts = 0,
			next_try = clock_timestamp(), last_error = NULL
		WHERE o.outbox_id = item.outbox_id;
		PERFORM openreplay.announce('openreplay_outbox', '');
	ELSE
		DELETE FROM openreplay.outbox o WHERE o.outbox_id = item.outbox_id;
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION openreplay.finish_outbox(bigint, text, text[]) IS
	'An uploader has done what it claimed; of a recording it is noted that it is stored, and in which files. False: it was given to another meanwhile, or deleted.';

CREATE FUNCTION openreplay.fail_outbox(outbox_id bigint, worker text, error text, permanent boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM openreplay.outbox o
	WHERE o.outbox_id = fail_outbox.outbox_id AND o.claimed_by = fail_outbox.worker FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM openreplay.put_back_outbox(fail_outbox.outbox_id, fail_outbox.error, coalesce(fail_outbox.permanent, false));
	RETURN true;
END
$$;
COMMENT ON FUNCTION openreplay.fail_outbox(bigint, text, text, boolean) IS
	'What an uploader claimed has failed: it is tried again after a pause that doubles from 10 s to an hour, or given up if permanent or after openreplay.outbox_attempts. False as for finish_outbox().';

CREATE FUNCTION openreplay.release_outbox(worker text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH held AS MATERIALIZED (
		SELECT o.outbox_id FROM openreplay.outbox o WHERE o.claimed_by = release_outbox.worker ORDER BY o.outbox_id FOR UPDATE
	)
	SELECT count(put_back) FROM held, LATERAL (SELECT openreplay.put_back_outbox(held.outbox_id, 'released', false) AS put_back) done
$$;
COMMENT ON FUNCTION openreplay.release_outbox(text) IS
	'Puts back all that an uploader holds: when it stops, and when it starts under a name it had before. Returns how many.';

CREATE FUNCTION openreplay.retry_outbox(outbox_id bigint DEFAULT NULL, kind text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	renewed bigint;
BEGIN
	UPDATE openreplay.outbox o SET given_up = false, attempts = 0, next_try = clock_timestamp()
	WHERE o.claimed_by IS NULL AND (o.given_up OR o.attempts > 0)
		AND (retry_outbox.outbox_id IS NULL OR o.outbox_id = retry_outbox.outbox_id)
		AND (retry_outbox.kind IS NULL OR o.kind = retry_outbox.kind);
	GET DIAGNOSTICS renewed = ROW_COUNT;
	PERFORM openreplay.announce('openreplay_outbox', '');
	RETURN renewed;
END
$$;
COMMENT ON FUNCTION openreplay.retry_outbox(bigint, text) IS
	'Has tried at once what was given up or waits for its next try: one row, all of a kind, or all. Returns how many.';

-- ==== 10. Notices and alerts =======================================================================================

-- ---- notices in the application ----

CREATE FUNCTION openreplay.notifications(user_id integer, "limit" integer DEFAULT 100)
RETURNS TABLE (notification_id integer, for_user integer, title text, description text, button_text text, button_url text, image_url text,
			   created_at timestamptz, options jsonb, viewed boolean)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT n.notification_id, n.user_id, n.title, n.description, n.button_text::text, n.button_url, n.image_url,
		n.created_at AT TIME ZONE 'UTC', n.options,
		EXISTS (SELECT FROM public.user_viewed_notifications v WHERE v.user_id = $1 AND v.notification_id = n.notification_id)
	FROM public.notifications n
	WHERE n.user_id = $1 OR n.user_id IS NULL
	ORDER BY n.created_at DESC, n.notification_id DESC LIMIT least(greatest($2, 1), 1000)
$$;
COMMENT ON FUNCTION openreplay.notifications(integer, integer) IS
	'The newest notices for a user and for everybody, with whether the user has seen them.';

CREATE FUNCTION openreplay.count_notifications(user_id integer) RETURNS bigint
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FROM public.notifications n
	WHERE (n.user_id = $1 OR n.user_id IS NULL)
		AND NOT EXISTS (SELECT FROM public.user_viewed_notifications v WHERE v.user_id = $1 AND v.notification_id = n.notification_id)
$$;
COMMENT ON FUNCTION openreplay.count_notifications(integer) IS 'How many notices a user has not seen.';

CREATE FUNCTION openreplay.view_notifications(user_id integer, notification_ids integer[] DEFAULT NULL,
	from_time timestamptz DEFAULT '-infinity', until_time timestamptz DEFAULT 'infinity') RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	WITH viewed AS (
		INSERT INTO public.user_viewed_notifications (user_id, notification_id)
		SELECT $1, n.notification_id FROM public.notifications n
		WHERE (n.user_id = $1 OR n.user_id IS NULL) AND ($2 IS NULL OR n.notification_id = ANY ($2))
			AND n.created_at AT TIME ZONE 'UTC' BETWEEN $3 AND $4
		ON CONFLICT DO NOTHING RETURNING 1
	)
	SELECT count(*) FROM viewed
$$;
COMMENT ON FUNCTION openreplay.view_notifications(integer, integer[], timestamptz, timestamptz) IS
	'Marks notices as seen by a user: these, or all of a time. Returns how many were not before.';

-- ---- receivers ----

CREATE FUNCTION openreplay.save_webhook(endpoint text, name text, type text DEFAULT 'webhook', auth_header text DEFAULT NULL, webhook_id integer DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := save_webhook.webhook_id;
BEGIN
	IF save_webhook.type IS NULL OR save_webhook.type <> ALL (enum_range(NULL::public.webhook_type)::text[]) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('type of a webhook cannot be "%s"', save_webhook.type),
			HINT = format('It is one of %s.', array_to_string(enum_range(NULL::public.webhook_type), ', '));
	END IF;
	IF save_webhook.type <> 'email' AND coalesce(save_webhook.endpoint, '') !~* '^https?://[^[:space:]/?#]+([/?#][^[:space:]]*)?$' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'endpoint is no http or https URL', HINT = 'For example https://hooks.example.com/T0/B1.';
	END IF;
	IF length(coalesce(save_webhook.name, '')) NOT BETWEEN 1 AND 100 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a webhook needs a name of 1 to 100 characters';
	END IF;
	-- the value goes into a request as it is
	IF save_webhook.auth_header ~ '[[:cntrl:]]' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'auth_header holds control characters';
	END IF;
	IF EXISTS (SELECT FROM public.webhooks w WHERE w.type::text = save_webhook.type AND lower(w.name) = lower(save_webhook.name) AND w.deleted_at IS NULL
			   AND w.webhook_id IS DISTINCT FROM id) THEN
		RAISE unique_violation USING MESSAGE = 'name already exists.';
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.webhooks (endpoint, name, type, auth_header)
		VALUES (save_webhook.endpoint, save_webhook.name, save_webhook.type::public.webhook_type, nullif(save_webhook.auth_header, ''))
		RETURNING webhooks.webhook_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.webhooks w SET endpoint = save_webhook.endpoint, name = save_webhook.name, auth_header = nullif(save_webhook.auth_header, '')
	WHERE w.webhook_id = id AND w.type::text = save_webhook.type AND w.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'webhook not found', DETAIL = format('There is no %s %s.', save_webhook.type, id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_webhook(text, text, text, text, integer) IS
	'Adds a receiver of alerts (type webhook, slack or msteams), or with an id changes it, and returns the id. auth_header is sent as the Authorization header. '
	'Raises invalid_parameter_value, unique_violation for a name in use by its type, no_data_found.';

CREATE FUNCTION openreplay.delete_webhook(webhook_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.webhooks w SET deleted_at = timezone('utc', now()) WHERE w.webhook_id = $1 AND w.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'webhook not found', DETAIL = format('There is no webhook %s.', $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_webhook(integer) IS 'Removes a receiver; what was queued for it is given up.';

-- ---- what alerts watch ----

CREATE FUNCTION openreplay.alert_metrics()
RETURNS TABLE (name text, unit text, source text, formula text, condition text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 19 SET search_path = pg_catalog, pg_temp AS $$
	SELECT * FROM (VALUES
		('performance.dom_content_loaded.average', 'ms', 'pages', 'avg(nullif(e.dom_content_loaded_time, 0))', 'true'),
		('performance.first_meaningful_paint.average', 'ms', 'pages', 'avg(nullif(e.first_contentful_paint_time, 0))', 'true'),
		('performance.page_load_time.average', 'ms', 'pages', 'avg(nullif(e.load_time, 0))', 'true'),
		('performance.dom_build_time.average', 'ms', 'pages', 'avg(nullif(e.dom_building_time, 0))', 'true'),
		('performance.speed_index.average', 'ms', 'pages', 'avg(nullif(e.speed_index, 0))', 'true'),
		('performance.page_response_time.average', 'ms', 'pages', 'avg(nullif(e.response_time, 0))', 'true'),
		('performance.ttfb.average', 'ms', 'pages', 'avg(coalesce(nullif(e.ttfb, 0), nullif(e.first_paint_time, 0)))', 'true'),
		('performance.time_to_render.average', 'ms', 'pages', 'avg(nullif(e.visually_complete, 0))', 'true'),
		('performance.image_load_time.average', 'ms', 'resources', 'avg(nullif(e.duration, 0))', 'e.type = ''img'''),
		('performance.request_load_time.average', 'ms', 'resources', 'avg(nullif(e.duration, 0))', 'e.type = ''fetch'''),
		('resources.load_time.average', 'ms', 'resources', 'avg(nullif(e.duration, 0))', 'true'),
		('resources.missing.count', 'count', 'resources', 'count(DISTINCT e.url_hostpath)', 'NOT e.success AND e.type = ''img'''),
		('errors.4xx_5xx.count', 'count', 'requests', 'count(*)', 'e.status_code >= 400'),
		('errors.4xx.count', 'count', 'requests', 'count(*)', 'e.status_code BETWEEN 400 AND 499'),
		('errors.5xx.count', 'count', 'requests', 'count(*)', 'e.status_code BETWEEN 500 AND 599'),
		('errors.javascript.impacted_sessions.count', 'count', 'errors', 'count(DISTINCT e.session_id)',
		 'EXISTS (SELECT FROM public.errors d WHERE d.error_id = e.error_id AND d.source = ''js_exception'')'),
		('performance.crashes.count', 'count', 'sessions', 'count(*)', 's.errors_count > 0 AND s.duration > 0'),
		('errors.javascript.count', 'count', 'errors', 'count(DISTINCT e.session_id)',
		 'EXISTS (SELECT FROM public.errors d WHERE d.error_id = e.error_id AND d.source = ''js_exception'')'),
		('errors.backend.count', 'count', 'errors', 'count(DISTINCT e.session_id)',
		 'EXISTS (SELECT FROM public.errors d WHERE d.error_id = e.error_id AND d.source <> ''js_exception'')')
	) AS m (name, unit, source, formula, condition)
$$;
COMMENT ON FUNCTION openreplay.alert_metrics() IS
	'The figures of a project that alerts can watch: averages are of the values that are not 0. formula and condition are SQL over the events (e) of the source and their sessions (s).';

CREATE FUNCTION openreplay.alert_metric_value(project_id integer, metric text, from_time timestamptz, until_time timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	watched record;
	-- sessions that can have events of the time: their ids carry when they began
	first_id bigint;
	last_id bigint := openreplay.session_id_at(until_time + interval '1 minute');
	value numeric;
BEGIN
	SELECT * INTO watched FROM openreplay.alert_metrics() m WHERE m.name = metric;
	IF watched IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('there is no figure "%s"', metric), HINT = 'openreplay.alert_metrics() lists them.';
	END IF;
	SELECT openreplay.session_id_at(greatest(from_time - interval '1 millisecond' * p.max_session_duration - interval '1 day', timestamptz '2019-02-13'))
	INTO first_id FROM public.projects p WHERE p.project_id = alert_metric_value.project_id;
	IF watched.source = 'sessions' THEN
		EXECUTE format('SELECT %s FROM public.sessions s WHERE s.project_id = $1 AND s.session_id BETWEEN $2 AND $3 AND s.start_ts >= $4 AND s.start_ts < $5 AND (%s)',
					   watched.formula, watched.condition)
		INTO value USING project_id, first_id, last_id, (extract(epoch FROM from_time) * 1000)::bigint, (extract(epoch FROM until_time) * 1000)::bigint;
	ELSE
		EXECUTE format('SELECT %s FROM %s e JOIN public.sessions s USING (session_id) WHERE s.project_id = $1 AND s.session_id BETWEEN $2 AND $3'
					   ' AND e.session_id BETWEEN $2 AND $3 AND e."timestamp" >= $4 AND e."timestamp" < $5 AND (%s)',
					   watched.formula, CASE watched.source WHEN 'requests' THEN 'events_common.requests' ELSE 'events.' || quote_ident(watched.source) END,
					   watched.condition)
		INTO value USING project_id, first_id, last_id, (extract(epoch FROM from_time) * 1000)::bigint, (extract(epoch FROM until_time) * 1000)::bigint;
	END IF;
	RETURN trim_scale(coalesce(value, 0));
END
$$;
COMMENT ON FUNCTION openreplay.alert_metric_value(integer, text, timestamptz, timestamptz) IS
	'A figure of openreplay.alert_metrics() for a project and a time; 0 where nothing happened. Raises invalid_parameter_value for an unknown one.';

-- ---- alerts ----

CREATE FUNCTION openreplay.install_alerts() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.alert_runs') IS NULL THEN
		CREATE TABLE openreplay.alert_runs (
			alert_id		integer NOT NULL REFERENCES public.alerts ON DELETE CASCADE,
			evaluated_at	timestamptz NOT NULL,
			value			numeric,
			is_met			boolean,
			notified		boolean NOT NULL DEFAULT false,
			error			text,
			PRIMARY KEY (alert_id, evaluated_at)
		);
		-- expiry
		CREATE INDEX ON openreplay.alert_runs (evaluated_at);
	END IF;
	COMMENT ON TABLE openreplay.alert_runs IS 'Evaluations of alerts, of the last week: what the value was, whether that met the limit, whether somebody was told.';
	GRANT SELECT ON openreplay.alert_runs TO openreplay_reader, openreplay_admin;
END
$$;
COMMENT ON FUNCTION openreplay.install_alerts() IS 'Creates the missing tables of alerts.';

CREATE FUNCTION openreplay.minutes_of(options jsonb, name text, otherwise integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN jsonb_typeof(options -> name) = 'number' AND (options ->> name)::numeric BETWEEN 0 AND 525600 THEN (options ->> name)::numeric::integer
		ELSE otherwise END
$$;
COMMENT ON FUNCTION openreplay.minutes_of(jsonb, text, integer) IS 'A number of minutes among an alert''s options; otherwise where there is none that makes sense.';

CREATE FUNCTION openreplay.alert_frequency(method text, options jsonb) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT interval '1 minute' * CASE
		WHEN base <= 15 THEN 3 WHEN base <= 30 THEN 5 WHEN base <= 60 THEN 10 WHEN base <= 120 THEN 20 WHEN base <= 240 THEN 30 ELSE 60 END
	FROM (SELECT CASE WHEN method = 'change' AND openreplay.minutes_of(options, 'currentPeriod', 15) > openreplay.minutes_of(options, 'previousPeriod', 15)
			THEN openreplay.minutes_of(options, 'currentPeriod', 15) ELSE openreplay.minutes_of(options, 'previousPeriod', 15) END AS base) AS b
$$;
COMMENT ON FUNCTION openreplay.alert_frequency(text, jsonb) IS
	'How often an alert is evaluated: every 3 minutes for periods of 15, up to every 60 for days. The period is previousPeriod, or currentPeriod where that is longer and the change is watched.';

CREATE FUNCTION openreplay.alert_figure(alert_id integer, from_time timestamptz, until_time timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	alert public.alerts;
BEGIN
	SELECT * INTO alert FROM public.alerts a WHERE a.alert_id = alert_figure.alert_id;
	IF alert.series_id IS NULL THEN
		RETURN openreplay.alert_metric_value(alert.project_id, alert.query ->> 'left', from_time, until_time);
	END IF;
	RETURN openreplay.count_sessions(alert.project_id, (SELECT m.filter FROM public.metric_series m WHERE m.series_id = alert.series_id), from_time, until_time);
END
$$;
COMMENT ON FUNCTION openreplay.alert_figure(integer, timestamptz, timestamptz) IS
	'The figure that an alert watches, of a time: one of openreplay.alert_metrics(), or how many sessions a card''s series finds.';

CREATE FUNCTION openreplay.alert_figure_name(alert_id integer) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN a.series_id IS NULL THEN a.query ->> 'left' ELSE concat_ws('.', m.name, coalesce(nullif(s.name, ''), 'series ' || s.index), 'count') END
	FROM public.alerts a
	LEFT JOIN public.metric_series s ON s.series_id = a.series_id
	LEFT JOIN public.metrics m ON m.metric_id = s.metric_id
	WHERE a.alert_id = $1
$$;
COMMENT ON FUNCTION openreplay.alert_figure_name(integer) IS 'What the figure of an alert is called: for a card''s series, the names of both and count.';

CREATE FUNCTION openreplay.alert_value(alert_id integer, at timestamptz DEFAULT now()) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	alert public.alerts;
	period interval;
	present numeric;
	past numeric;
BEGIN
	SELECT * INTO alert FROM public.alerts a WHERE a.alert_id = alert_value.alert_id;
	period := interval '1 minute' * greatest(openreplay.minutes_of(alert.options, 'currentPeriod', 15), 1);
	present := openreplay.alert_figure(alert_id, at - period, at);
	IF alert.detection_method = 'threshold' THEN
		RETURN present;
	END IF;
	past := openreplay.alert_figure(alert_id, at - 2 * period, at - period);
	IF alert.change = 'change' THEN
		RETURN present - past;
	ELSIF past = 0 THEN
		RETURN CASE WHEN present > 0 THEN 100 ELSE 0 END;
	END IF;
	RETURN trim_scale((present / past - 1) * 100);
END
$$;
COMMENT ON FUNCTION openreplay.alert_value(integer, timestamptz) IS
	'What an alert compares with its limit: the figure of its current period, or how that differs from the period of the same length before, as a number or in percent (100 where there was nothing before).';

CREATE FUNCTION openreplay.compare(value numeric, operator text, "right" numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE operator WHEN '=' THEN value = "right" WHEN '<' THEN value < "right" WHEN '>' THEN value > "right"
		WHEN '<=' THEN value <= "right" WHEN '>=' THEN value >= "right" END
$$;
COMMENT ON FUNCTION openreplay.compare(numeric, text, numeric) IS 'Whether value operator right holds; null for an operator that is none of = < > <= >=.';

CREATE FUNCTION openreplay.show_number(value numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN value = trunc(value) THEN to_char(value, 'FM999,999,999,999,999,990') ELSE to_char(value, 'FM999,999,999,999,999,990.00') END
$$;
COMMENT ON FUNCTION openreplay.show_number(numeric) IS 'A number as alerts write it: with commas between thousands, and two decimals unless it is whole.';

CREATE FUNCTION openreplay.check_alert(definition jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	options jsonb := coalesce(nullif(definition -> 'options', 'null'), '{}');
	problem text;
	hint text := 'A definition is {"name": "Too many 5xx", "detectionMethod": "threshold", "query": {"left": "errors.5xx.count", "operator": ">", "right": 5}, "options": {"currentPeriod": 15, "message": []}}.';
BEGIN
	IF jsonb_typeof(definition) IS DISTINCT FROM 'object' OR jsonb_typeof(definition -> 'query') IS DISTINCT FROM 'object' OR jsonb_typeof(options) <> 'object' THEN
		problem := 'an alert is a JSON object with query and options that are objects';
	ELSIF length(trim(coalesce(definition ->> 'name', ''))) NOT BETWEEN 1 AND 200 THEN
		problem := 'an alert needs a name of 1 to 200 characters';
	ELSIF coalesce(definition ->> 'detectionMethod', '') NOT IN ('threshold', 'change') THEN
		problem := format('detectionMethod cannot be "%s"', definition ->> 'detectionMethod');
		hint := 'It is threshold or change.';
	ELSIF coalesce(definition ->> 'change', 'change') NOT IN ('percent', 'change') THEN
		problem := format('change cannot be "%s"', definition ->> 'change');
		hint := 'It is change or percent.';
	ELSIF jsonb_typeof(definition #> '{query,left}') = 'number' AND NOT EXISTS (
		SELECT FROM public.metric_series s JOIN public.metrics m ON m.metric_id = s.metric_id
		WHERE s.series_id::text = definition #>> '{query,left}' AND s.deleted_at IS NULL AND m.deleted_at IS NULL AND m.metric_type = 'timeseries')
	THEN
		problem := format('there is no series %s', definition #>> '{query,left}');
		hint := 'A number is the series_id of a card of type timeseries, in public.metric_series.';
	ELSIF jsonb_typeof(definition #> '{query,left}') IS DISTINCT FROM 'number'
		AND NOT EXISTS (SELECT FROM openreplay.alert_metrics() m WHERE m.name = definition #>> '{query,left}')
	THEN
		problem := format('there is no figure "%s"', definition #>> '{query,left}');
		hint := 'openreplay.alert_metrics() lists them; a number is the series_id of a card.';
	ELSIF openreplay.compare(0, coalesce(definition #>> '{query,operator}', ''), 0) IS NULL THEN
		problem := format('operator cannot be "%s"', definition #>> '{query,operator}');
		hint := 'It is one of =, <, >, <=, >=.';
	ELSIF jsonb_typeof(definition #> '{query,right}') IS DISTINCT FROM 'number' THEN
		problem := 'right, the limit, is a number';
	ELSE
		SELECT format('%s cannot be %s', p, options -> p) INTO problem FROM unnest(ARRAY['currentPeriod', 'previousPeriod']) p
		WHERE options ? p AND (jsonb_typeof(options -> p) <> 'number' OR (options ->> p)::numeric NOT IN (15, 30, 60, 120, 240, 1440));
		IF problem IS NOT NULL THEN
			hint := 'Periods are 15, 30, 60, 120, 240 or 1440 minutes.';
		ELSIF jsonb_typeof(coalesce(options -> 'renotifyInterval', '0')) NOT IN ('number', 'null') THEN
			problem := 'renotifyInterval is a number of minutes';
		ELSIF jsonb_typeof(coalesce(options -> 'message', '[]')) <> 'array' THEN
			problem := 'message is an array of receivers';
		END IF;
	END IF;
	IF problem IS NULL THEN
		SELECT format('receiver %s is none', m) INTO problem
		FROM jsonb_array_elements(coalesce(options -> 'message', '[]')) WITH ORDINALITY AS e (m, n)
		WHERE NOT coalesce(CASE m ->> 'type'
			WHEN 'email' THEN m ->> 'value' ~ '^[^[:space:][:cntrl:]@<>,;]+@[^[:space:][:cntrl:]@<>,;]+$'
			ELSE EXISTS (SELECT FROM public.webhooks w WHERE w.webhook_id::text = m ->> 'value' AND w.type::text = m ->> 'type' AND w.deleted_at IS NULL)
			END, false)
		ORDER BY n LIMIT 1;
		hint := 'A receiver is {"type": "webhook", "value": "3"}, or slack or msteams, with the id of a webhook of that type, or {"type": "email", "value": "you@example.com"}.';
	END IF;
	IF problem IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = problem, HINT = hint;
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.check_alert(jsonb) IS 'Raises invalid_parameter_value, with a hint, unless the definition is one that openreplay.save_alert() stores.';

CREATE FUNCTION openreplay.save_alert(project_id integer, definition jsonb, alert_id integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := save_alert.alert_id;
	settings jsonb := '{"currentPeriod": 15, "previousPeriod": 15, "renotifyInterval": 720, "message": []}'::jsonb
		|| jsonb_strip_nulls(coalesce(nullif(definition -> 'options', 'null'), '{}'));
	series integer;
	watched jsonb := definition -> 'query';
BEGIN
	PERFORM openreplay.check_alert(definition);
	IF jsonb_typeof(watched -> 'left') = 'number' THEN
		SELECT s.series_id INTO series FROM public.metric_series s JOIN public.metrics m ON m.metric_id = s.metric_id
		WHERE s.series_id::text = watched ->> 'left' AND m.project_id = save_alert.project_id;
		IF series IS NULL THEN
			RAISE no_data_found USING MESSAGE = 'series not found', DETAIL = format('Project %s has no series %s.', save_alert.project_id, watched ->> 'left');
		END IF;
		watched := watched || '{"left": "CUSTOM"}';
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.alerts (project_id, name, description, detection_method, change, query, options, series_id)
		VALUES (save_alert.project_id, trim(definition ->> 'name'), definition ->> 'description', (definition ->> 'detectionMethod')::public.alert_detection_method,
				coalesce(definition ->> 'change', 'change')::public.alert_change_type, watched, settings, series)
		RETURNING alerts.alert_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.alerts a
	SET name = trim(definition ->> 'name'), description = definition ->> 'description', active = true,
		detection_method = (definition ->> 'detectionMethod')::public.alert_detection_method,
		change = coalesce(definition ->> 'change', 'change')::public.alert_change_type, query = watched, options = settings, series_id = series
	WHERE a.alert_id = id AND a.project_id = save_alert.project_id AND a.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'alert not found', DETAIL = format('Project %s has no alert %s.', save_alert.project_id, id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_alert(integer, jsonb, integer) IS
	'Has a figure of a project watched, or with an id changes that, and returns the id. The definition has name, detectionMethod (threshold, change), change (change, percent), query {left: a figure''s name or a card''s series_id, operator, right} and '
	'options {currentPeriod, previousPeriod, renotifyInterval: minutes; message: receivers}. A changed one is evaluated afresh. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.delete_alert(alert_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.alerts a SET active = false, deleted_at = timezone('utc', now()) WHERE a.alert_id = $1 AND a.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'alert not found', DETAIL = format('There is no alert %s.', $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_alert(integer) IS 'Has a figure watched no more.';

CREATE FUNCTION openreplay.escape_html(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION openreplay.escape_html(text) IS 'A text as HTML shows it.';

-- Written when the alert fires, so that a receiver that was away learns what it was then. Secrets stay in public.webhooks.
CREATE FUNCTION openreplay.queue_alert(alert_id integer, value numeric, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	alert public.alerts;
	project_name text;
	site text := rtrim(coalesce(current_setting('openreplay.site_url', true), ''), '/');
	url text;
	description text;
	receiver jsonb;
	body jsonb;
	idempotency_key text;
BEGIN
	SELECT * INTO alert FROM public.alerts a WHERE a.alert_id = queue_alert.alert_id;
	SELECT p.name INTO project_name FROM public.projects p WHERE p.project_id = alert.project_id;
	url := format('%s/%s/metrics', site, alert.project_id);
	description := format('%s = %s (%s %s).', openreplay.alert_figure_name(alert_id), openreplay.show_number(value), alert.query ->> 'operator',
						  openreplay.show_number((alert.query ->> 'right')::numeric));
	INSERT INTO public.notifications (title, description, button_text, button_url, options)
	VALUES (alert.name, description, 'Check metrics for more details', format('/%s/metrics', alert.project_id),
			jsonb_build_object('source', 'ALERT', 'sourceId', alert.alert_id, 'sourceMeta', alert.detection_method, 'projectId', alert.project_id));

	FOR receiver IN
		SELECT DISTINCT e FROM jsonb_array_elements(CASE jsonb_typeof(alert.options -> 'message') WHEN 'array' THEN alert.options -> 'message' ELSE '[]' END) e
		WHERE e ->> 'type' IN ('webhook', 'slack', 'msteams', 'email')
	LOOP
		body := CASE receiver ->> 'type'
			WHEN 'webhook' THEN jsonb_build_object('title', alert.name, 'limitValue', alert.query -> 'right', 'actualValue', value,
				'operator', alert.query -> 'operator', 'trigger', openreplay.alert_figure_name(alert_id), 'alertId', alert.alert_id,
				'detectionMethod', alert.detection_method, 'currentPeriod', openreplay.minutes_of(alert.options, 'currentPeriod', 15),
				'previousPeriod', openreplay.minutes_of(alert.options, 'previousPeriod', 15), 'createdAt', (extract(epoch FROM at) * 1000)::bigint)
			WHEN 'slack' THEN jsonb_build_object('attachments', jsonb_build_array(jsonb_build_object(
				'text', format(E'%s\n<%s|Check metrics for more details>', description, url), 'title', alert.name, 'title_link', url,
				'ts', extract(epoch FROM at)::numeric(20, 3))))
			WHEN 'msteams' THEN jsonb_build_object('@type', 'MessageCard', '@context', 'http://schema.org/extensions', 'summary', alert.name,
				'sections', jsonb_build_array(jsonb_build_object('activityTitle', alert.name, 'activitySubtitle', format('On Project *%s*', project_name),
					'facts', jsonb_build_array(jsonb_build_object('name', 'Target:', 'value', url), jsonb_build_object('name', 'Description:', 'value', description)),
					'markdown', true)))
			ELSE jsonb_build_object('to', receiver ->> 'value', 'subject', format('"%s" has been triggered', alert.name),
				'text', format(E'"%s" %s\n\n%s\n', alert.name, description, url),
				'html', format(E'<p><b>"%s"</b> %s</p>\n<p><a href="%s">Check metrics for more details</a></p>\n',
							   openreplay.escape_html(alert.name), openreplay.escape_html(description), openreplay.escape_html(url)))
			END;
		idempotency_key := format('alert-%s-%s-%s', alert.alert_id, (extract(epoch FROM at) * 1000)::bigint,
								  left(encode(sha256(convert_to(receiver::text, 'UTF8')), 'hex'), 8));
		PERFORM openreplay.queue_outbox(receiver ->> 'type', CASE receiver ->> 'type' WHEN 'email' THEN '{}' ELSE jsonb_build_object('webhook_id', (receiver ->> 'value')::integer) END
			|| jsonb_build_object('idempotency_key', idempotency_key, 'body', body), idempotency_key);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.queue_alert(integer, numeric, timestamptz) IS
	'Tells of an alert that was met: a notice in the application, and for each receiver a row of the outbox with the message it understands and an idempotency key, by which a receiver knows one that comes twice.';

CREATE FUNCTION openreplay.due_alerts(at timestamptz DEFAULT now()) RETURNS SETOF integer
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
	SELECT a.alert_id
	FROM public.alerts a JOIN public.projects p USING (project_id)
	LEFT JOIN LATERAL (SELECT max(r.evaluated_at) AS evaluated_at FROM openreplay.alert_runs r WHERE r.alert_id = a.alert_id) last ON true
	WHERE a.active AND a.deleted_at IS NULL AND p.active
		AND (a.series_id IS NULL OR EXISTS (SELECT FROM public.metric_series s WHERE s.series_id = a.series_id AND s.deleted_at IS NULL))
		-- a clock that was set back must not silence an alert
		AND (last.evaluated_at IS NULL OR last.evaluated_at > at OR last.evaluated_at <= at - openreplay.alert_frequency(a.detection_method::text, a.options))
		AND (openreplay.minutes_of(a.options, 'renotifyInterval', 720) = 0 OR jsonb_typeof(a.options -> 'lastNotification') IS DISTINCT FROM 'number'
			 OR (a.options ->> 'lastNotification')::numeric > extract(epoch FROM at) * 1000
			 OR extract(epoch FROM at) * 1000 - (a.options ->> 'lastNotification')::numeric > openreplay.minutes_of(a.options, 'renotifyInterval', 720) * 60000.0)
	ORDER BY a.created_at, a.alert_id
$$;
COMMENT ON FUNCTION openreplay.due_alerts(timestamptz) IS
	'Alerts whose time has come: not evaluated for as long as openreplay.alert_frequency() says, and nobody told within their renotifyInterval.';

CREATE FUNCTION openreplay.evaluate_alerts(at timestamptz DEFAULT now())
RETURNS TABLE (alert_id integer, value numeric, is_met boolean, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	due integer;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('openreplay.evaluate_alerts', 0)) THEN
		RETURN;
	END IF;
	FOR due IN SELECT openreplay.due_alerts(at) LOOP
		alert_id := due;
		value := NULL;
		is_met := NULL;
		error := NULL;
		-- one that cannot be evaluated must not stop the others
		BEGIN
			value := openreplay.alert_value(due, at);
			SELECT openreplay.compare(value, a.query ->> 'operator', (a.query ->> 'right')::numeric) INTO is_met
			FROM public.alerts a WHERE a.alert_id = due;
			IF is_met THEN
				PERFORM openreplay.queue_alert(due, value, at);
				UPDATE public.alerts a SET options = a.options || jsonb_build_object('lastNotification', (extract(epoch FROM at) * 1000)::bigint)
				WHERE a.alert_id = due;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			is_met := NULL;
			error := left(SQLERRM, 500);
		END;
		INSERT INTO openreplay.alert_runs (alert_id, evaluated_at, value, is_met, notified, error)
		VALUES (due, at, value, is_met, coalesce(is_met, false), error)
		ON CONFLICT DO NOTHING;
		RETURN NEXT;
	END LOOP;
	DELETE FROM openreplay.alert_runs r WHERE r.evaluated_at < at - interval '7 days';
	DELETE FROM public.notifications n WHERE n.created_at < timezone('utc', at) - interval '180 days';
END
$$;
COMMENT ON FUNCTION openreplay.evaluate_alerts(timestamptz) IS
	'Evaluates the alerts that are due and tells their receivers; run it every minute or so. Returns what was evaluated; nothing while another run is under way. An alert that fails is told in error and stops no other.';

-- ---- announcements ----

CREATE FUNCTION openreplay.announcements(user_id integer)
RETURNS TABLE (announcement_id integer, title text, description text, button_text text, button_url text, image_url text, created_at timestamptz, type text, viewed boolean)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT a.announcement_id, a.title, a.description, a.button_text::text, a.button_url, a.image_url, a.created_at AT TIME ZONE 'UTC', a.type::text,
		coalesce((u.data ->> 'lastAnnouncementView')::numeric >= extract(epoch FROM a.created_at) * 1000, false)
	FROM public.announcements a CROSS JOIN public.users u WHERE u.user_id = $1
	ORDER BY a.created_at DESC, a.announcement_id DESC
$$;
COMMENT ON FUNCTION openreplay.announcements(integer) IS 'News for all users, newest first, with whether this user has seen them.';

CREATE FUNCTION openreplay.view_announcements(user_id integer) RETURNS void
LANGUAGE sql STRICT SET search_path = pg_catalog, pg_temp AS $$
	UPDATE public.users u SET data = coalesce(u.data, '{}') || jsonb_build_object('lastAnnouncementView', (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
	WHERE u.user_id = $1
$$;
COMMENT ON FUNCTION openreplay.view_announcements(integer) IS 'Notes that a user has seen all announcements.';

-- ==== 11. Sessions found ===========================================================================================

-- ---- filters ----

CREATE FUNCTION openreplay.filter_catalogue()
RETURNS TABLE (what text, generation integer, event text, name text, alias text, type text, operators text)
LANGUAGE c STABLE PARALLEL SAFE ROWS 300 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_filter_catalogue';
COMMENT ON FUNCTION openreplay.filter_catalogue() IS
	'What filters can be about: attributes of sessions, events, and the properties that the filters of an event can have. generation 1: written as {"type": ...}, 2: as {"name": ...}, null: either.';

CREATE FUNCTION openreplay.follow_step(state internal, steps integer[], step integer, "timestamp" bigint, key bigint) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_follow_step';
COMMENT ON FUNCTION openreplay.follow_step(internal, integer[], integer, bigint, bigint) IS 'Collects events for openreplay.follow_steps().';

CREATE FUNCTION openreplay.followed_steps(state internal) RETURNS bigint[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_followed_steps';
COMMENT ON FUNCTION openreplay.followed_steps(internal) IS 'The result of openreplay.follow_steps().';

CREATE AGGREGATE openreplay.follow_steps(steps integer[], step integer, "timestamp" bigint, key bigint) (
	SFUNC = openreplay.follow_step, STYPE = internal, SSPACE = 256, FINALFUNC = openreplay.followed_steps, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.follow_steps(integer[], integer, bigint, bigint) IS
	'Follows the events of one session, in any order, through steps numbered from 0: each step is reached at its earliest event not before the step before. steps, the same for all rows, has the kind of each step''s events, a number from 1 on, negative for a step that must not be; '
	'two steps of one kind in succession need two events. Returns when each step was reached, up to the first that was not; if all were, one more element: when the last event of the last step happened.';

CREATE FUNCTION openreplay.add_distinct(state internal, id bigint) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_add_distinct';
COMMENT ON FUNCTION openreplay.add_distinct(internal, bigint) IS 'Collects ids for openreplay.count_distinct().';

CREATE FUNCTION openreplay.add_distinct(state internal, ids bytea) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_add_distinct_ids';
COMMENT ON FUNCTION openreplay.add_distinct(internal, bytea) IS 'Collects ids that openreplay.distinct_ids() returned.';

CREATE FUNCTION openreplay.merge_distinct(state internal, other internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_merge_distinct';
COMMENT ON FUNCTION openreplay.merge_distinct(internal, internal) IS 'Puts together what two processes collected for openreplay.count_distinct().';

CREATE FUNCTION openreplay.write_distinct(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_write_distinct';
COMMENT ON FUNCTION openreplay.write_distinct(internal) IS 'What one process collected for openreplay.count_distinct(), for another.';

CREATE FUNCTION openreplay.read_distinct(ids bytea, state internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_read_distinct';
COMMENT ON FUNCTION openreplay.read_distinct(bytea, internal) IS 'Reads what openreplay.write_distinct() wrote.';

CREATE FUNCTION openreplay.distinct_count(state internal) RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_distinct_count';
COMMENT ON FUNCTION openreplay.distinct_count(internal) IS 'The result of openreplay.count_distinct().';

CREATE AGGREGATE openreplay.count_distinct(id bigint) (
	SFUNC = openreplay.add_distinct, STYPE = internal, SSPACE = 128, FINALFUNC = openreplay.distinct_count, COMBINEFUNC = openreplay.merge_distinct,
	SERIALFUNC = openreplay.write_distinct, DESERIALFUNC = openreplay.read_distinct, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.count_distinct(bigint) IS
	'count(DISTINCT id) for tables of many millions: ids are kept in memory, 16 to 32 bytes each, instead of sorted, and parallel workers help.';

CREATE AGGREGATE openreplay.distinct_ids(id bigint) (
	SFUNC = openreplay.add_distinct, STYPE = internal, SSPACE = 128, FINALFUNC = openreplay.write_distinct, COMBINEFUNC = openreplay.merge_distinct,
	SERIALFUNC = openreplay.write_distinct, DESERIALFUNC = openreplay.read_distinct, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.distinct_ids(bigint) IS 'The different ids of a group, for openreplay.count_distinct(bytea) of larger groups.';

CREATE AGGREGATE openreplay.count_distinct(ids bytea) (
	SFUNC = openreplay.add_distinct, STYPE = internal, SSPACE = 128, FINALFUNC = openreplay.distinct_count, COMBINEFUNC = openreplay.merge_distinct,
	SERIALFUNC = openreplay.write_distinct, DESERIALFUNC = openreplay.read_distinct, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.count_distinct(bytea) IS 'How many different ids the groups have together whose openreplay.distinct_ids() these are.';

CREATE FUNCTION openreplay.add_times(counts bigint[], events bytea, start_ts bigint, from_ts bigint, to_ts bigint, step bigint) RETURNS bigint[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_add_times';
COMMENT ON FUNCTION openreplay.add_times(bigint[], bytea, bigint, bigint, bigint, bigint) IS 'Counts events for openreplay.count_times().';

CREATE FUNCTION openreplay.merge_times(counts bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_merge_times';
COMMENT ON FUNCTION openreplay.merge_times(bigint[], bigint[]) IS 'Adds up what two processes counted for openreplay.count_times().';

CREATE AGGREGATE openreplay.count_times(events bytea, start_ts bigint, from_ts bigint, to_ts bigint, step bigint) (
	SFUNC = openreplay.add_times, STYPE = bigint[], COMBINEFUNC = openreplay.merge_times, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.count_times(bytea, bigint, bigint, bigint, bigint) IS
	'How many events of openreplay.session_events happened in each step of milliseconds from from_ts on; the last has to_ts. The last three arguments are the same for all rows.';

CREATE FUNCTION openreplay.sample_key(session_id bigint) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (hashint8(session_id) & 2147483647) % 100;
COMMENT ON FUNCTION openreplay.sample_key(bigint) IS 'A number from 0 to 99, for ever the same for a session: a card with a sampleRate reads events of sessions below it.';

-- ---- sessions ----

CREATE FUNCTION openreplay.matching_sessions(project_id integer, filter jsonb)
RETURNS TABLE (session_id bigint, start_ts bigint, first_event_ts bigint, last_event_ts bigint)
LANGUAGE c STABLE STRICT ROWS 1000 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_matching_sessions';
COMMENT ON FUNCTION openreplay.matching_sessions(integer, jsonb) IS
	'Sessions that have ended and satisfy a filter, in no order, each with the time from which and to which its events did; null without events among the filters, 0 if they only tell what must not be.';

CREATE FUNCTION openreplay.count_sessions(project_id integer, filter jsonb DEFAULT '{}', from_time timestamptz DEFAULT NULL, until_time timestamptz DEFAULT NULL, viewer_id integer DEFAULT NULL)
RETURNS bigint
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_count_sessions';
COMMENT ON FUNCTION openreplay.count_sessions(integer, jsonb, timestamptz, timestamptz, integer) IS
	'How many sessions openreplay.search_sessions() finds on all pages; with groupByUser, how many users. from_time (included) and until_time (not included), if one of them is given, are used instead of the filter''s own times.';

CREATE FUNCTION openreplay.search_sessions(project_id integer, filter jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL)
RETURNS TABLE (session_id bigint, viewed boolean, favorite boolean, user_uuid uuid, user_id text, user_anonymous_id text,
	user_os text, user_browser text, user_device text, user_device_type text, user_country text, user_city text, user_state text,
	start_ts bigint, duration integer, events_count integer, pages_count integer, errors_count integer, platform text, timezone text,
	issue_score bigint, issue_types text[], metadata jsonb, screen_width integer, screen_height integer,
	user_sessions_count bigint, first_session_ts bigint)
LANGUAGE c STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_search_sessions';
COMMENT ON FUNCTION openreplay.search_sessions(integer, jsonb, integer) IS
	'A page of the sessions that have ended and satisfy a filter: {"filters": [...], "eventsOrder": then, and, or; "startTimestamp", "endTimestamp": milliseconds; "sort", "order": ASC, DESC; "limit": up to 200, "page": from 1, or "after": the last session of the page before; "groupByUser", "bookmarked": booleans}. '
	'viewer_id: whose marks viewed and favorite are, and whose bookmarks. Of a group of sessions of one user the first is returned, with their number and the start of the earliest.';

CREATE FUNCTION openreplay.explain_sessions(project_id integer, filter jsonb) RETURNS SETOF text
LANGUAGE c STRICT ROWS 30 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_explain_sessions';
COMMENT ON FUNCTION openreplay.explain_sessions(integer, jsonb) IS
	'The plan by which the sessions of a filter are found: which months it reads and which indexes it uses.';

CREATE FUNCTION openreplay.check_filter(project_id integer, filter jsonb) RETURNS void
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_check_filter';
COMMENT ON FUNCTION openreplay.check_filter(integer, jsonb) IS
	'Raises invalid_parameter_value, with a hint that lists what is allowed, unless openreplay.search_sessions() takes the filter.';

CREATE FUNCTION openreplay.period(from_time timestamptz, until_time timestamptz) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('startTimestamp', (extract(epoch FROM from_time) * 1000)::bigint, 'endTimestamp', (extract(epoch FROM until_time) * 1000)::bigint)
$$;
COMMENT ON FUNCTION openreplay.period(timestamptz, timestamptz) IS
	'The time range of a filter or a card, both ends included: ''{"filters": [...]}'' || openreplay.period(now() - interval ''1 day'', now()).';

-- ---- what the web frontend reads ----

CREATE FUNCTION openreplay.camel_case(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT string_agg(CASE n WHEN 1 THEN lower(part) ELSE initcap(part) END, '' ORDER BY n)
	FROM string_to_table(ltrim(name, '_'), '_') WITH ORDINALITY AS p (part, n)
$$;
COMMENT ON FUNCTION openreplay.camel_case(text) IS 'A column''s name as the web frontend writes it: start_ts is startTs.';

CREATE FUNCTION openreplay.camel_keys(object jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_object_agg(openreplay.camel_case(key), value), '{}') FROM jsonb_each(object)
$$;
COMMENT ON FUNCTION openreplay.camel_keys(jsonb) IS 'An object with its own keys as openreplay.camel_case() writes them; what is inside of them stays.';

CREATE FUNCTION openreplay.search(project_id integer, filter jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('total', openreplay.count_sessions($1, $2, viewer_id => $3), 'sessions', (
		SELECT coalesce(jsonb_agg(openreplay.camel_keys(to_jsonb(s) - 'user_sessions_count' - 'first_session_ts' - 'ordinality')
			|| jsonb_build_object('projectId', $1, 'sessionId', s.session_id::text, 'metadata', s.metadata)
			|| CASE WHEN s.user_sessions_count IS NULL THEN '{}' ELSE jsonb_build_object('userSessionsCount', s.user_sessions_count, 'firstSessionTs', s.first_session_ts) END
			ORDER BY s.ordinality), '[]')
		FROM openreplay.search_sessions($1, $2, $3) WITH ORDINALITY AS s))
$$;
COMMENT ON FUNCTION openreplay.search(integer, jsonb, integer) IS
	'openreplay.search_sessions() and openreplay.count_sessions() as the JSON of the web frontend''s list of sessions.';

CREATE FUNCTION openreplay.session_metadata(session_id bigint) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_object_agg(p.name, v.value) FILTER (WHERE p.name IS NOT NULL AND v.value IS NOT NULL), '{}')
	FROM public.sessions s
	JOIN public.projects r ON r.project_id = s.project_id,
		LATERAL generate_series(1, 10) AS n,
		LATERAL (SELECT to_jsonb(r) ->> ('metadata_' || n)) AS p (name),
		LATERAL (SELECT to_jsonb(s) ->> ('metadata_' || n)) AS v (value)
	WHERE s.session_id = $1
$$;
COMMENT ON FUNCTION openreplay.session_metadata(bigint) IS 'Metadata of a session by the names that its project gives to the slots.';

CREATE FUNCTION openreplay.session(session_id bigint, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found jsonb;
BEGIN
	WITH url AS (
		SELECT u.file, u.url FROM openreplay.recording_places($1) u
	)
	SELECT openreplay.camel_keys((SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(s) - 'remains' - 'has_sequence') WHERE key !~ '^metadata_[0-9]+$'))
		|| jsonb_build_object('sessionId', s.session_id::text, 'projectKey', p.project_key, 'metadata', openreplay.session_metadata(s.session_id),
			'favorite', EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = s.session_id AND f.user_id = $2),
			'viewed', EXISTS (SELECT FROM public.user_viewed_sessions v WHERE v.session_id = s.session_id AND v.user_id = $2),
			'live', s.duration IS NULL, 'inDB', true, 'fileKey', NULL,
			'domURL', coalesce((SELECT jsonb_agg(u.url ORDER BY u.file DESC) FROM url u WHERE u.file IN ('dom.mobs', 'dom.mobe')), '[]'),
			'devtoolsURL', coalesce((SELECT jsonb_agg(u.url) FROM url u WHERE u.file = 'devtools.mob'), '[]'),
			'canvasURL', coalesce((SELECT jsonb_agg(u.url ORDER BY u.file) FROM url u WHERE u.file LIKE '%.tar.zst' AND u.file <> 'replay.tar.zst'), '[]'),
			'videoURL', coalesce((SELECT jsonb_agg(u.url) FROM url u WHERE u.file = 'replay.tar.zst'), '[]'))
	INTO found
	FROM public.sessions s JOIN public.projects p ON p.project_id = s.project_id
	WHERE s.session_id = $1;
	IF found IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'session not found', DETAIL = format('There is no session %s.', $1);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION openreplay.session(bigint, integer) IS
	'All there is to know about a session before its replay, as JSON: its row, metadata by name, marks of the viewer, and where its recording can be fetched once it is stored. Raises no_data_found.';

CREATE FUNCTION openreplay.session_activity(session_id bigint) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	WITH visit AS (
		SELECT s.session_id, s.start_ts, s.duration, s.platform = 'web' AS web FROM public.sessions s WHERE s.session_id = $1
	), event AS (
		SELECT e.timestamp, e.message_id::numeric AS place, openreplay.camel_keys(to_jsonb(e)) || jsonb_build_object('type', 'LOCATION', 'value', e.path, 'url', e.path) AS item
		FROM events.pages e WHERE e.session_id = $1
		UNION ALL
		SELECT c.timestamp, c.message_id, openreplay.camel_keys(jsonb_strip_nulls(to_jsonb(c))) FROM openreplay.session_clicks($1) c
		UNION ALL
		SELECT e.timestamp, e.message_id, openreplay.camel_keys(to_jsonb(e)) || '{"type": "INPUT"}' FROM events.inputs e WHERE e.session_id = $1
		UNION ALL
		SELECT e.timestamp, e.seq_index, openreplay.camel_keys(to_jsonb(e)) || '{"type": "TAP"}' FROM events_ios.taps e WHERE e.session_id = $1
		UNION ALL
		SELECT e.timestamp, e.seq_index, openreplay.camel_keys(to_jsonb(e)) || '{"type": "INPUT"}' FROM events_ios.inputs e WHERE e.session_id = $1
		UNION ALL
		SELECT e.timestamp, e.seq_index, openreplay.camel_keys(to_jsonb(e)) || '{"type": "SWIPE"}' FROM events_ios.swipes e WHERE e.session_id = $1
		UNION ALL
		SELECT e.timestamp, e.seq_index, openreplay.camel_keys(to_jsonb(e)) || '{"type": "VIEW"}' FROM events_ios.views e WHERE e.session_id = $1
	), exception AS (
		SELECT e.timestamp, d.source, openreplay.camel_keys(to_jsonb(e)) || openreplay.camel_keys(to_jsonb(d) - 'payload')
			|| jsonb_build_object('sessionId', $1::text, 'time', e.timestamp - v.start_ts,
				'stack', CASE WHEN jsonb_typeof(d.payload) = 'array' THEN coalesce(jsonb_path_query_array(d.payload, '$[0]'), '[]') ELSE '[]' END) AS item,
			row_number() OVER (PARTITION BY d.source = 'js_exception' ORDER BY e.timestamp, e.message_id) AS n
		FROM visit v JOIN events.errors e ON e.session_id = v.session_id JOIN public.errors d ON d.error_id = e.error_id
	)
	SELECT jsonb_build_object(
		'events', (SELECT coalesce(jsonb_agg(e.item || jsonb_build_object('sessionId', $1::text) ORDER BY e.timestamp, e.place), '[]') FROM event e),
		'errors', (SELECT coalesce(jsonb_agg(e.item ORDER BY e.n), '[]') FROM exception e WHERE e.source = 'js_exception' AND e.n <= 500),
		'stackEvents', (SELECT coalesce(jsonb_agg(e.item ORDER BY e.n), '[]') FROM exception e WHERE e.source <> 'js_exception'),
		'crashes', (SELECT coalesce(jsonb_agg(openreplay.camel_keys(to_jsonb(e)) || openreplay.camel_keys(to_jsonb(d)) || jsonb_build_object('sessionId', $1::text) ORDER BY e.timestamp), '[]')
			FROM events_common.crashes e JOIN public.crashes_ios d ON d.crash_ios_id = e.crash_ios_id WHERE e.session_id = $1),
		'userEvents', (SELECT coalesce(jsonb_agg(to_jsonb(e) || jsonb_build_object('type', 'CUSTOM', 'session_id', $1::text, 'sessionId', $1::text) ORDER BY e.timestamp, e.seq_index), '[]')
			FROM events_common.customs e WHERE e.session_id = $1),
		'resources', (SELECT coalesce(jsonb_agg(jsonb_build_object('datetime', e.timestamp, 'url', e.url, 'type', e.type, 'duration', e.duration, 'ttfb', e.ttfb, 'headerSize', e.header_size,
				'encodedBodySize', e.encoded_body_size, 'decodedBodySize', e.decoded_body_size, 'success', e.success, 'status', coalesce(e.status, CASE WHEN e.success THEN 200 END)) ORDER BY e.timestamp, e.message_id), '[]')
			FROM visit v JOIN events.resources e ON e.session_id = v.session_id
			WHERE e.timestamp BETWEEN v.start_ts - 3600000 AND v.start_ts + coalesce(v.duration, 86400000) + 3600000),
		'userTesting', (SELECT coalesce(jsonb_agg(to_jsonb(u) || jsonb_build_object('session_id', $1::text) ORDER BY u.timestamp, u.signal_id), '[]') FROM public.ut_tests_signals u WHERE u.session_id = $1),
		'issues', (SELECT coalesce(jsonb_agg(jsonb_build_object('issueId', i.issue_id, 'timestamp', i.timestamp, 'seqIndex', i.seq_index, 'sessionId', $1::text, 'payload', i.payload,
				'projectId', d.project_id, 'type', i.type, 'contextString', i.context_string, 'context', d.context) ORDER BY i.timestamp, i.seq_index), '[]')
			FROM openreplay.session_issues($1) i JOIN public.issues d ON d.issue_id = i.issue_id))
	FROM visit
$$;
COMMENT ON FUNCTION openreplay.session_activity(bigint) IS
	'What happened in a session, as the JSON that a replay shows beside the picture: events, errors, issues, requests for files. Null for an unknown session.';

-- ---- errors ----

CREATE FUNCTION openreplay.search_errors(project_id integer, filter jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL)
RETURNS TABLE (error_id text, name text, message text, users bigint, sessions bigint, last_occurrence bigint, first_occurrence bigint, chart jsonb, viewed boolean, total bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	now_ms bigint := (extract(epoch FROM now()) * 1000)::bigint;
	from_ts bigint := coalesce(openreplay.number_of(filter, 'startTimestamp', 'startDate'), now_ms - 30 * 86400000::bigint);
	to_ts bigint := coalesce(openreplay.number_of(filter, 'endTimestamp', 'endDate'), now_ms + 86400000);
	density bigint := greatest(coalesce(openreplay.number_of(filter, 'density'), 7), 2);
	step bigint := greatest((to_ts - from_ts) / (density - 1), 1);
	most bigint := least(greatest(coalesce(openreplay.number_of(filter, 'limit'), 200), 1), 200);
	page bigint := least(greatest(coalesce(openreplay.number_of(filter, 'page'), 1), 1), 1000000);
	sort text := coalesce(filter ->> 'sort', 'occurrence');
	wanted text := nullif(filter ->> 'status', 'all');
	pattern text := '%' || regexp_replace(coalesce(filter ->> 'query', ''), '([\\%_])', '\\\1', 'g') || '%';
	device text := (SELECT f #>> '{value,0}' FROM jsonb_array_elements(CASE jsonb_typeof(filter -> 'filters') WHEN 'array' THEN filter -> 'filters' ELSE '[]' END) f
					WHERE coalesce(f ->> 'type', f ->> 'name') = 'platform' LIMIT 1);
	first_id bigint := openreplay.session_id_at(greatest(to_timestamp(from_ts / 1000.0), timestamptz '2019-02-13'));
	end_id bigint := openreplay.session_id_at(to_timestamp(to_ts / 1000.0) + interval '1 day 1 second');
	narrowed boolean := jsonb_array_length(CASE jsonb_typeof(filter -> 'filters') WHEN 'array' THEN filter -> 'filters' ELSE '[]' END) > 0;
BEGIN
	IF density > 200 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('density cannot be %s', density), HINT = 'It is a number from 1 to 200.';
	ELSIF sort NOT IN ('occurrence', 'users', 'sessions') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('errors cannot be sorted by "%s"', left(sort, 60)), HINT = 'It is occurrence, users or sessions.';
	ELSIF wanted NOT IN ('unresolved', 'resolved', 'ignored') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('status cannot be "%s"', left(wanted, 60)), HINT = 'It is all, unresolved, resolved or ignored.';
	ELSIF from_ts > to_ts OR to_ts > 4102444800000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'startTimestamp and endTimestamp are no time range', HINT = 'They are times in milliseconds since 1970, in that order.';
	END IF;
	RETURN QUERY
	WITH occurrence AS (
		SELECT e.error_id, e.session_id, e.timestamp, coalesce(s.user_id, s.user_uuid::text) AS visitor
		FROM public.errors d
		JOIN events.errors e ON e.error_id = d.error_id
		JOIN public.sessions s ON s.session_id = e.session_id
		WHERE d.project_id = search_errors.project_id AND d.source = 'js_exception' AND d.message <> 'Script error.'
			AND (wanted IS NULL OR d.status::text = wanted) AND (pattern = '%%' OR d.name ILIKE pattern OR d.message ILIKE pattern)
			AND s.project_id = search_errors.project_id AND s.start_ts >= from_ts AND s.start_ts < to_ts AND e.timestamp >= from_ts AND e.timestamp < to_ts
			AND e.session_id >= first_id AND e.session_id < end_id AND s.session_id >= first_id AND s.session_id < end_id
			AND (device IS NULL OR s.user_device_type::text = device)
			AND (NOT narrowed OR e.session_id IN (
				SELECT m.session_id FROM openreplay.matching_sessions(search_errors.project_id,
					filter || jsonb_build_object('startTimestamp', from_ts, 'endTimestamp', to_ts)) m))
	), counted AS (
		SELECT o.error_id, count(DISTINCT o.visitor) AS users, count(DISTINCT o.session_id) AS sessions, max(o.timestamp) AS latest, count(*) OVER () AS total
		FROM occurrence o GROUP BY o.error_id
	), ranked AS (
		SELECT c.*, CASE sort WHEN 'users' THEN c.users WHEN 'sessions' THEN c.sessions ELSE c.latest END
			* CASE WHEN upper(filter ->> 'order') = 'ASC' THEN 1 ELSE -1 END AS rank
		FROM counted c ORDER BY rank, c.error_id LIMIT most OFFSET (page - 1) * most
	)
	SELECT r.error_id, d.name, d.message, r.users, r.sessions,
		(SELECT max(e.timestamp) FROM events.errors e WHERE e.error_id = r.error_id), (SELECT min(e.timestamp) FROM events.errors e WHERE e.error_id = r.error_id),
		(SELECT jsonb_agg(jsonb_build_object('timestamp', t, 'count', coalesce(b.n, 0)) ORDER BY t)
		 FROM generate_series(from_ts, to_ts, step) t
		 LEFT JOIN (SELECT (o.timestamp - from_ts) / step AS bucket, count(DISTINCT o.session_id) AS n FROM occurrence o WHERE o.error_id = r.error_id GROUP BY 1) b ON b.bucket = (t - from_ts) / step),
		EXISTS (SELECT FROM public.user_viewed_errors v WHERE v.error_id = r.error_id AND v.user_id = viewer_id), r.total
	FROM ranked r JOIN public.errors d ON d.error_id = r.error_id
	ORDER BY r.rank, r.error_id;
END
$$;
COMMENT ON FUNCTION openreplay.search_errors(integer, jsonb, integer) IS
	'A page of the JavaScript errors of a project, of the last 30 days unless the filter has startTimestamp and endTimestamp (not included). With filters, of sessions that satisfy them. status, query (part of name or message), sort (occurrence, users, sessions), order, limit, page, density (points of chart). '
	'users and sessions are of that time, first and last occurrence of all time; total: errors on all pages.';

CREATE FUNCTION openreplay.number_of(object jsonb, name text, alias text DEFAULT NULL) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN text ~ '^[0-9]{1,15}$' THEN text::bigint END FROM (SELECT coalesce(object ->> name, object ->> alias) AS text) t
$$;
COMMENT ON FUNCTION openreplay.number_of(jsonb, text, text) IS 'A whole number among an object''s members, by one of two names; null where there is none.';

CREATE FUNCTION openreplay.error_chart(error_id text, from_ts bigint, to_ts bigint, density integer) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('timestamp', t, 'count', coalesce(b.n, 0)) ORDER BY t), '[]')
	FROM (SELECT greatest((to_ts - from_ts) / greatest(density - 1, 1), 1) AS step) AS s,
		LATERAL generate_series(from_ts, to_ts, step) AS t
		LEFT JOIN LATERAL (
			SELECT count(DISTINCT e.session_id) AS n FROM events.errors e WHERE e.error_id = $1 AND e.timestamp >= t AND e.timestamp < least(t + step, to_ts)) AS b ON true
$$;
COMMENT ON FUNCTION openreplay.error_chart(text, bigint, bigint, integer) IS 'In how many sessions an error occurred, for some points of time.';

CREATE FUNCTION openreplay.error(error_id text, density24 integer DEFAULT 24, density30 integer DEFAULT 30, viewer_id integer DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	now_ms bigint := (extract(epoch FROM at) * 1000)::bigint;
	month_ago bigint := now_ms - 30 * 86400000::bigint;
	found jsonb;
BEGIN
	IF density24 NOT BETWEEN 1 AND 200 OR density30 NOT BETWEEN 1 AND 200 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'density is out of range', HINT = 'It is a number from 1 to 200.';
	END IF;
	WITH recent AS (
		SELECT e.session_id, e.message_id, e.timestamp, s.user_id, s.user_browser, s.user_browser_version, s.user_os, s.user_os_version, s.user_device_type, s.user_device, s.user_country
		FROM events.errors e JOIN public.sessions s ON s.session_id = e.session_id
		WHERE e.error_id = $1 AND e.timestamp >= month_ago AND e.timestamp <= now_ms
	), tag AS (
		SELECT t.place, t.name, t.value, count(*) AS n
		FROM recent r, LATERAL (VALUES (1, 'browser', r.user_browser), (2, 'browser.ver', r.user_browser || '@' || r.user_browser_version), (3, 'OS', r.user_os),
			(4, 'OS.ver', r.user_os || '@' || r.user_os_version), (5, 'device.family', r.user_device_type::text), (6, 'device', r.user_device), (7, 'country', r.user_country::text)) AS t (place, name, value)
		WHERE t.value IS NOT NULL GROUP BY t.place, t.name, t.value
	), newest AS (
		SELECT e.session_id, e.message_id, e.timestamp FROM events.errors e WHERE e.error_id = $1 ORDER BY e.timestamp DESC, e.session_id DESC LIMIT 1
	)
	SELECT jsonb_build_object('errorId', d.error_id, 'name', d.name, 'message', d.message, 'status', d.status, 'parentErrorId', d.parent_error_id,
		'users', (SELECT count(DISTINCT r.user_id) FROM recent r), 'sessions', (SELECT count(DISTINCT r.session_id) FROM recent r),
		'firstOccurrence', (SELECT min(e.timestamp) FROM events.errors e WHERE e.error_id = $1), 'lastOccurrence', (SELECT n.timestamp FROM newest n),
		'lastSessionId', (SELECT n.session_id::text FROM newest n),
		'favorite', EXISTS (SELECT FROM public.user_favorite_errors f WHERE f.error_id = d.error_id AND f.user_id = viewer_id),
		'viewed', EXISTS (SELECT FROM public.user_viewed_errors v WHERE v.error_id = d.error_id AND v.user_id = viewer_id),
		'customTags', (SELECT coalesce(jsonb_agg(jsonb_build_object(t.key, t.value) ORDER BY t.key, t.value), '[]') FROM newest n JOIN public.errors_tags t ON t.session_id = n.session_id AND t.message_id = n.message_id),
		'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'partitions', g.partitions) ORDER BY g.place), '[]')
			FROM (SELECT t.place, t.name, jsonb_agg(jsonb_build_object('name', t.value, 'count', t.n) ORDER BY t.n DESC, t.value) AS partitions FROM tag t GROUP BY t.place, t.name) g),
		'stack', coalesce(d.stacktrace, d.payload), 'chart24', openreplay.error_chart($1, now_ms - 86400000, now_ms, density24), 'chart30', openreplay.error_chart($1, month_ago, now_ms, density30),
		'lastHydratedSession', (SELECT jsonb_build_object('sessionId', s.session_id::text, 'startTs', s.start_ts, 'userId', s.user_id, 'userAnonymousId', s.user_anonymous_id, 'userUuid', s.user_uuid,
			'userBrowser', s.user_browser, 'userBrowserVersion', s.user_browser_version, 'userOs', s.user_os, 'userOsVersion', s.user_os_version, 'userDevice', s.user_device, 'payload', d.payload, 'errorId', d.error_id)
			FROM newest n JOIN public.sessions s ON s.session_id = n.session_id))
	INTO found
	FROM public.errors d WHERE d.error_id = $1;
	IF found IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'error not found', DETAIL = format('There is no error %L.', left($1, 60));
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION openreplay.error(text, integer, integer, integer, timestamptz) IS
	'An error in detail, as JSON: where and how often it occurred in the last day and 30 days, its stack, the newest session that had it. Raises no_data_found.';

-- ---- suggestions ----

CREATE FUNCTION openreplay.autocomplete(project_id integer, query text, type text DEFAULT NULL) RETURNS TABLE (value text, kind text)
LANGUAGE sql STABLE ROWS 60 SET search_path = pg_catalog, pg_temp AS $$
	WITH kinds AS (
		SELECT DISTINCT ON (a.stored) a.stored, k.name
		FROM (VALUES ('revId'), ('click'), ('userDevice'), ('userId'), ('userBrowser'), ('userOs'), ('custom'), ('userCountry'), ('userCity'), ('userState'), ('location'), ('input'), ('userAnonymousId'),
			('referrer'), ('request'), ('graphql'), ('stateAction'), ('clickMobile'), ('inputMobile'), ('viewMobile'), ('swipeMobile'), ('customMobile'), ('requestMobile')) AS k (name),
			LATERAL (SELECT upper(k.name)) AS a (stored)
		WHERE upper(replace(CASE WHEN $3 IN ('fetch', 'fetchUrl', 'fetchFailed') THEN 'request' WHEN $3 = 'graphqlName' THEN 'graphql'
			WHEN $3 IN ('domComplete', 'largestContentfulPaintTime', 'ttfb', 'avgCpuLoad', 'avgMemoryUsage') THEN 'location' ELSE $3 END, '_', '')) = a.stored
			-- without a type, the twelve of the search box
			OR ($3 IS NULL AND k.name IN ('revId', 'click', 'userDevice', 'userId', 'userBrowser', 'userOs', 'custom', 'userCountry', 'userCity', 'userState', 'location', 'input'))
	), text AS (
		-- ^ and $ hold the ends, * is anything, a run of blanks is one
		SELECT starts, ends, regexp_replace(replace(regexp_replace(regexp_replace(regexp_replace(coalesce($2, ''), '^\^', ''), '[$]$', ''), '([\\%_])', '\\\1', 'g'), '*', '%'), '\s+', ' ', 'g') AS body
		FROM (SELECT coalesce($2, '') LIKE '^%' AS starts, coalesce($2, '') LIKE '%$' AS ends) AS anchors
	)
	SELECT DISTINCT f.value, k.name
	FROM kinds k, text t,
		LATERAL (
			(SELECT a.value FROM public.autocomplete a WHERE a.project_id = $1 AND a.type = k.stored AND a.value ILIKE t.body || CASE WHEN t.ends THEN '' ELSE '%' END
			 ORDER BY a.value LIMIT CASE WHEN $3 IS NULL OR length(t.body) > 2 THEN 5 ELSE 10 END)
			UNION
			(SELECT a.value FROM public.autocomplete a WHERE a.project_id = $1 AND a.type = k.stored AND length(t.body) > 2 AND NOT t.starts
				AND a.value ILIKE '%' || t.body || CASE WHEN t.ends THEN '' ELSE '%' END
			 ORDER BY a.value LIMIT 5)
		) AS f
	ORDER BY k.name, f.value
$$;
COMMENT ON FUNCTION openreplay.autocomplete(integer, text, text) IS
	'Values that filters on a type can have, or without a type those of all common ones: up to five that begin with the text and, from three characters on, five that contain it. ^ and $ anchor it, * stands for anything.';

CREATE FUNCTION openreplay.metadata_keys(project_id integer) RETURNS TABLE (key text, index integer)
LANGUAGE sql STABLE STRICT ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
	SELECT to_jsonb(p) ->> ('metadata_' || n), n FROM public.projects p, generate_series(1, 10) AS n
	WHERE p.project_id = $1 AND to_jsonb(p) ->> ('metadata_' || n) IS NOT NULL ORDER BY n
$$;
COMMENT ON FUNCTION openreplay.metadata_keys(integer) IS 'Names of the metadata of a project''s sessions, with their slots.';

CREATE FUNCTION openreplay.metadata_values(project_id integer, key text, query text DEFAULT '', "limit" integer DEFAULT 20) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	slot integer := (SELECT k.index FROM openreplay.metadata_keys($1) k WHERE k.key = metadata_values.key);
BEGIN
	IF slot IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = 'key does not exist', DETAIL = format('Project %s has no metadata %L.', $1, left(key, 60)),
			HINT = (SELECT 'It has ' || coalesce(string_agg(k.key, ', ' ORDER BY k.index), 'none') || '.' FROM openreplay.metadata_keys($1) k);
	END IF;
	RETURN QUERY EXECUTE format('SELECT DISTINCT s.metadata_%1$s FROM public.sessions s WHERE s.project_id = $1 AND s.metadata_%1$s ILIKE $2 ORDER BY 1 LIMIT $3', slot)
		USING $1, regexp_replace(coalesce(query, ''), '([\\%_])', '\\\1', 'g') || '%', least(greatest("limit", 0), 200);
END
$$;
COMMENT ON FUNCTION openreplay.metadata_values(integer, text, text, integer) IS 'Values that begin with a text, of the metadata of a name. Raises invalid_parameter_value for an unknown name.';

-- ---- marks and notes ----

CREATE FUNCTION openreplay.set_favorite_session(session_id bigint, user_id integer, favorite boolean DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	is_favorite boolean := EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = $1 AND f.user_id = $2);
BEGIN
	IF coalesce($3, NOT is_favorite) THEN
		IF NOT EXISTS (SELECT FROM public.sessions s WHERE s.session_id = $1) THEN
			RAISE no_data_found USING MESSAGE = 'session not found', DETAIL = format('There is no session %s.', $1);
		END IF;
		INSERT INTO public.user_favorite_sessions (session_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;
		RETURN true;
	END IF;
	DELETE FROM public.user_favorite_sessions f WHERE f.session_id = $1 AND f.user_id = $2;
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.set_favorite_session(bigint, integer, boolean) IS 'Bookmarks a session for a user or takes the bookmark away; without a third argument whichever it is not. Returns what it is now. Raises no_data_found.';

CREATE FUNCTION openreplay.set_favorite_error(error_id text, user_id integer, favorite boolean DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	is_favorite boolean := EXISTS (SELECT FROM public.user_favorite_errors f WHERE f.error_id = $1 AND f.user_id = $2);
BEGIN
	IF coalesce($3, NOT is_favorite) THEN
		IF NOT EXISTS (SELECT FROM public.errors d WHERE d.error_id = $1) THEN
			RAISE no_data_found USING MESSAGE = 'error not found', DETAIL = format('There is no error %L.', left($1, 60));
		END IF;
		INSERT INTO public.user_favorite_errors (error_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;
		RETURN true;
	END IF;
	DELETE FROM public.user_favorite_errors f WHERE f.error_id = $1 AND f.user_id = $2;
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.set_favorite_error(text, integer, boolean) IS 'Bookmarks an error for a user or takes the bookmark away; without a third argument whichever it is not. Returns what it is now. Raises no_data_found.';

CREATE FUNCTION openreplay.view_session(session_id bigint, user_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO public.user_viewed_sessions (session_id, user_id) SELECT s.session_id, $2 FROM public.sessions s WHERE s.session_id = $1 ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION openreplay.view_session(bigint, integer) IS 'Notes that a user has watched a session.';

CREATE FUNCTION openreplay.view_error(error_id text, user_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO public.user_viewed_errors (error_id, user_id) SELECT d.error_id, $2 FROM public.errors d WHERE d.error_id = $1 ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION openreplay.view_error(text, integer) IS 'Notes that a user has looked at an error.';

CREATE FUNCTION openreplay.set_error_status(error_id text, status text) RETURNS TABLE (family_error_id text, family_status text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	family text[];
	present text;
BEGIN
	IF status NOT IN ('unresolved', 'resolved', 'ignored') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('status cannot be "%s"', left(status, 60)), HINT = 'It is unresolved, resolved or ignored.';
	END IF;
	SELECT ARRAY(SELECT m.error_id FROM public.errors m WHERE coalesce(m.parent_error_id, m.error_id) = coalesce(d.parent_error_id, d.error_id)), d.status::text INTO family, present
	FROM public.errors d WHERE d.error_id = set_error_status.error_id;
	IF family IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'error not found', DETAIL = format('There is no error %L.', left(error_id, 60));
	ELSIF present = status THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('error is already %s', status);
	ELSIF present = 'resolved' AND status = 'ignored' THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = 'a resolved error is not ignored', HINT = 'Make it unresolved first.';
	END IF;
	RETURN QUERY UPDATE public.errors d SET status = set_error_status.status::public.error_status WHERE d.error_id = ANY (family) RETURNING d.error_id, d.status::text;
END
$$;
COMMENT ON FUNCTION openreplay.set_error_status(text, text) IS
	'Makes an error, and those it was merged with, unresolved, resolved or ignored. Raises no_data_found, and object_not_in_prerequisite_state when it is so already.';

CREATE FUNCTION openreplay.session_notes(session_id bigint, viewer_id integer)
RETURNS TABLE (note_id integer, message text, tag text, "timestamp" integer, is_public boolean, user_id integer, user_name text, created_at timestamp, start_at integer, end_at integer, updated_at timestamp)
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
	SELECT n.note_id, n.message, n.tag, n.timestamp, n.is_public, n.user_id, u.name, n.created_at, n.start_at, n.end_at, n.updated_at
	FROM public.sessions_notes n LEFT JOIN public.users u ON u.user_id = n.user_id
	WHERE n.session_id = $1 AND n.deleted_at IS NULL AND (n.is_public OR n.user_id = $2)
	ORDER BY n.created_at DESC, n.note_id DESC
$$;
COMMENT ON FUNCTION openreplay.session_notes(bigint, integer) IS 'Notes on a session that a user may read, his own and public ones, newest first.';

CREATE FUNCTION openreplay.search_notes(project_id integer, viewer_id integer, options jsonb DEFAULT '{}')
RETURNS TABLE (note_id integer, session_id bigint, message text, tag text, "timestamp" integer, is_public boolean, user_id integer, user_name text, created_at timestamp, start_at integer, end_at integer, thumbnail text, updated_at timestamp, count bigint)
LANGUAGE sql STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS $$
	SELECT n.note_id, n.session_id, n.message, n.tag, n.timestamp, n.is_public, n.user_id, u.name, n.created_at, n.start_at, n.end_at, n.thumbnail, n.updated_at, count(*) OVER ()
	FROM public.sessions_notes n LEFT JOIN public.users u ON u.user_id = n.user_id
	WHERE n.project_id = $1 AND n.deleted_at IS NULL
		AND CASE WHEN $3 @> '{"sharedOnly": true}' THEN n.is_public WHEN $3 @> '{"mineOnly": true}' THEN n.user_id = $2 ELSE n.is_public OR n.user_id = $2 END
		AND (coalesce(jsonb_typeof($3 -> 'tags'), '') <> 'array' OR jsonb_array_length($3 -> 'tags') = 0 OR $3 -> 'tags' ? n.tag)
		AND (coalesce($3 ->> 'search', '') = '' OR position(lower($3 ->> 'search') IN lower(n.message)) > 0)
	ORDER BY CASE WHEN upper($3 ->> 'order') = 'ASC' THEN n.created_at END, CASE WHEN upper($3 ->> 'order') = 'ASC' THEN n.note_id END, n.created_at DESC, n.note_id DESC
	LIMIT least(greatest(coalesce(openreplay.number_of($3, 'limit'), 200), 1), 200)
	OFFSET (greatest(coalesce(openreplay.number_of($3, 'page'), 1), 1) - 1) * least(greatest(coalesce(openreplay.number_of($3, 'limit'), 200), 1), 200)
$$;
COMMENT ON FUNCTION openreplay.search_notes(integer, integer, jsonb) IS
	'Notes of a project that a user may read: options are tags, search (part of the message), sharedOnly, mineOnly, order (ASC, DESC, by time), limit, page. count: notes on all pages.';

CREATE FUNCTION openreplay.note(note_id integer, viewer_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found jsonb;
BEGIN
	SELECT openreplay.camel_keys(to_jsonb(n) - 'deleted_at') || jsonb_build_object('sessionId', n.session_id::text, 'userName', u.name, 'createdAt', openreplay.json_time(n.created_at, 2), 'updatedAt', openreplay.json_time(n.updated_at, 2)) INTO found
	FROM public.sessions_notes n LEFT JOIN public.users u ON u.user_id = n.user_id
	WHERE n.note_id = $1 AND n.deleted_at IS NULL AND (n.is_public OR n.user_id = $2);
	IF found IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'Note not found', DETAIL = format('There is no note %s that %s may read.', $1, coalesce('user ' || $2, 'everybody'));
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION openreplay.note(integer, integer) IS 'A note that a user may read, his own or a public one, as the web frontend''s JSON. Raises no_data_found.';

CREATE FUNCTION openreplay.save_note(session_id bigint, user_id integer, note jsonb, note_id integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := $4;
	project integer := (SELECT s.project_id FROM public.sessions s WHERE s.session_id = $1);
BEGIN
	IF jsonb_typeof(note) IS DISTINCT FROM 'object' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a note is a JSON object', HINT = 'It is {"message": "Look here", "tag": "ISSUE", "timestamp": 1500, "isPublic": true}.';
	ELSIF (id IS NULL OR note ? 'message') AND length(trim(coalesce(note ->> 'message', ''))) NOT BETWEEN 2 AND 4000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a note needs a message', HINT = 'It has from 2 to 4000 characters.';
	ELSIF length(note ->> 'tag') > 50 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the tag of a note is too long', HINT = 'It has at most 50 characters.';
	ELSIF note ? 'timestamp' AND coalesce(note ->> 'timestamp', '') !~ '^(-1|[0-9]{1,9})$' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the timestamp of a note is no time in the session', HINT = 'It is in milliseconds from the start of the session, or -1 for all of it.';
	ELSIF note ? 'isPublic' AND jsonb_typeof(note -> 'isPublic') <> 'boolean' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'isPublic of a note is true or false';
	ELSIF note ->> 'thumbnail' !~ '^(data:image/[a-z.+-]+[;,]|https?://)' OR length(note ->> 'thumbnail') > 500000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the thumbnail of a note is no image', HINT = 'It is data:image/png;base64,... or the URL of an image, of at most 500000 characters.';
	ELSIF (note ->> 'startAt') !~ '^[0-9]{1,9}$' OR (note ->> 'endAt') !~ '^[0-9]{1,9}$' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'startAt and endAt of a note are no times in the session', HINT = 'They are in milliseconds from the start of the session.';
	ELSIF project IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'session not found', DETAIL = format('There is no session %s.', $1);
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.sessions_notes (session_id, project_id, user_id, message, tag, "timestamp", is_public, thumbnail, start_at, end_at)
		VALUES ($1, project, $2, trim(note ->> 'message'), note ->> 'tag', coalesce((note ->> 'timestamp')::integer, -1), coalesce((note ->> 'isPublic')::boolean, false),
			note ->> 'thumbnail', (note ->> 'startAt')::integer, (note ->> 'endAt')::integer)
		RETURNING sessions_notes.note_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.sessions_notes n
	SET message = coalesce(trim(note ->> 'message'), n.message), tag = CASE WHEN note ? 'tag' THEN note ->> 'tag' ELSE n.tag END,
		"timestamp" = coalesce((note ->> 'timestamp')::integer, n.timestamp), is_public = coalesce((note ->> 'isPublic')::boolean, n.is_public), updated_at = timezone('utc', now()),
		thumbnail = CASE WHEN note ? 'thumbnail' THEN note ->> 'thumbnail' ELSE n.thumbnail END, start_at = CASE WHEN note ? 'startAt' THEN (note ->> 'startAt')::integer ELSE n.start_at END,
		end_at = CASE WHEN note ? 'endAt' THEN (note ->> 'endAt')::integer ELSE n.end_at END
	WHERE n.note_id = id AND n.session_id = $1 AND n.user_id = $2 AND n.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Note not found', DETAIL = format('User %s has no note %s on that session.', $2, id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_note(bigint, integer, jsonb, integer) IS
	'Writes a note on a session, or with an id changes what it names of one''s own note: message, tag, timestamp (milliseconds into the session, -1: all of it), startAt and endAt, isPublic, thumbnail. Returns its id. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.delete_note(note_id integer, user_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.sessions_notes n SET deleted_at = timezone('utc', now()) WHERE n.note_id = $1 AND n.user_id = $2 AND n.deleted_at IS NULL;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Note not found', DETAIL = format('User %s has no note %s.', $2, $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_note(integer, integer) IS 'Deletes one''s own note. Raises no_data_found.';

-- ---- saved searches ----

CREATE FUNCTION openreplay.flat_filter(filter jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN jsonb_typeof($1 -> 'events') = 'array' THEN ($1 - 'events') || jsonb_build_object('filters',
			(SELECT coalesce(jsonb_agg(e || '{"isEvent": true}' ORDER BY n), '[]') FROM jsonb_array_elements($1 -> 'events') WITH ORDINALITY AS x (e, n))
			-- of the second generation also events are here
			|| (SELECT coalesce(jsonb_agg('{"isEvent": false}' || e ORDER BY n), '[]')
				FROM jsonb_array_elements(CASE jsonb_typeof($1 -> 'filters') WHEN 'array' THEN $1 -> 'filters' ELSE '[]' END) WITH ORDINALITY AS x (e, n)))
		ELSE $1 END
$$;
COMMENT ON FUNCTION openreplay.flat_filter(jsonb) IS 'A stored filter with its events and its filters in one list.';

CREATE FUNCTION openreplay.saved_searches(project_id integer, viewer_id integer)
RETURNS TABLE (search_id integer, user_id integer, name text, is_public boolean, created_at timestamp, filter jsonb)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.search_id, s.user_id, s.name, s.is_public, s.created_at, openreplay.flat_filter(s.filter) FROM public.searches s
	WHERE s.project_id = $1 AND s.deleted_at IS NULL AND (s.is_public OR s.user_id = $2) ORDER BY s.created_at DESC, s.search_id DESC
$$;
COMMENT ON FUNCTION openreplay.saved_searches(integer, integer) IS 'Saved searches that a user may use, his own and public ones, newest first.';

CREATE FUNCTION openreplay.save_search(project_id integer, user_id integer, name text, filter jsonb, is_public boolean DEFAULT false, search_id integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := $6;
BEGIN
	IF length(trim(coalesce($3, ''))) NOT BETWEEN 1 AND 200 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a saved search needs a name', HINT = 'It has from 1 to 200 characters.';
	END IF;
	PERFORM openreplay.check_filter($1, $4);
	IF id IS NULL THEN
		INSERT INTO public.searches (project_id, user_id, name, filter, is_public) VALUES ($1, $2, trim($3), $4, $5) RETURNING searches.search_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.searches s SET name = trim($3), filter = $4, is_public = $5
	WHERE s.search_id = id AND s.project_id = $1 AND s.deleted_at IS NULL AND (s.is_public OR s.user_id = $2);
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'search not found', DETAIL = format('User %s has no search %s in project %s.', $2, id, $1);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_search(integer, integer, text, jsonb, boolean, integer) IS
	'Saves a search under a name, or with an id replaces one of one''s own or a public one. Returns its id. Raises invalid_parameter_value for a filter that cannot be used, no_data_found.';

CREATE FUNCTION openreplay.delete_search(search_id integer, user_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.searches s SET deleted_at = timezone('utc', now()) WHERE s.search_id = $1 AND s.deleted_at IS NULL AND (s.is_public OR s.user_id = $2);
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'search not found', DETAIL = format('User %s has no search %s.', $2, $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_search(integer, integer) IS 'Deletes a saved search, one''s own or a public one. Raises no_data_found.';

-- ---- segments ----

CREATE FUNCTION openreplay.save_segment(project_id integer, user_id integer, segment jsonb, search_id uuid DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id uuid := $4;
	title text := nullif(trim($3 ->> 'name'), '');
	share boolean := coalesce(($3 ->> 'isShare') = 'true', false);
	data jsonb := $3 -> 'data';
	owner integer;
BEGIN
	IF jsonb_typeof(data) IS DISTINCT FROM 'object' OR jsonb_typeof(data -> 'filters') IS DISTINCT FROM 'array' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a segment needs a search', HINT = 'It is {"name": "Customers", "isPublic": true, "data": {"filters": [...], "eventsOrder": "then"}}.';
	ELSIF (title IS NULL AND NOT share) OR length(title) > 255 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a segment needs a name', HINT = 'It has from 1 to 255 characters; only what is shared by its link needs none.';
	ELSIF coalesce(jsonb_typeof($3 -> 'isPublic'), 'null') NOT IN ('boolean', 'null') OR coalesce(jsonb_typeof($3 -> 'isShare'), 'null') NOT IN ('boolean', 'null') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'isPublic and isShare of a segment are true or false';
	ELSIF coalesce(data ->> 'limit', '1') !~ '^([1-9][0-9]{0,2}|1000)$' THEN
		RAISE invalid_parameter_value USING MESSAGE = format('limit cannot be "%s"', left(data ->> 'limit', 60)), HINT = 'It is a whole number from 1 to 1000.';
	ELSIF length(data::text) > 1000000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the segment is too large', HINT = 'It has at most 1000000 characters.';
	END IF;
	PERFORM openreplay.check_filter($1, data - 'limit');
	IF id IS NULL THEN
		INSERT INTO public.saved_searches (project_id, user_id, name, search_data, is_public, is_share, expires_at)
		VALUES ($1, $2, title, data, coalesce(($3 ->> 'isPublic')::boolean, false), share, CASE WHEN share THEN timezone('utc', now()) + interval '1 month' END)
		RETURNING saved_searches.search_id INTO id;
		RETURN id;
	END IF;
	owner := openreplay.segment_owner(id, $2);
	UPDATE public.saved_searches s SET name = title, search_data = data, is_public = coalesce(($3 ->> 'isPublic')::boolean, s.is_public)
	WHERE s.search_id = id AND s.project_id = $1 AND s.user_id = owner;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'search not found', DETAIL = format('Project %s has no search %s.', $1, id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_segment(integer, integer, jsonb, uuid) IS
	'Saves a search of the second generation, or with an id replaces one of one''s own, and returns its id: name, isPublic (false by default), data (what openreplay.search_sessions() takes), isShare (to be found by its id for a month, and in no list). '
	'Filters can name it: {"isSegment": true, "searchId": ...}. Raises invalid_parameter_value, no_data_found, insufficient_privilege.';

CREATE FUNCTION openreplay.segment_owner(search_id uuid, user_id integer) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner integer := (SELECT s.user_id FROM public.saved_searches s
		WHERE s.search_id = $1 AND s.deleted_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > timezone('utc', now())) AND (s.is_public OR s.is_share OR s.user_id = $2));
BEGIN
	IF owner IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'search not found', DETAIL = format('There is no search %s that %s may see.', $1, coalesce('user ' || $2, 'everybody'));
	ELSIF owner IS DISTINCT FROM $2 THEN
		RAISE insufficient_privilege USING MESSAGE = 'the search is somebody else''s', DETAIL = format('User %s is not the owner of search %s.', $2, $1);
	END IF;
	RETURN owner;
END
$$;
COMMENT ON FUNCTION openreplay.segment_owner(uuid, integer) IS 'The user, if a segment is his. Raises no_data_found for what is not there, not his to see or has expired, and insufficient_privilege for what he may only read.';

CREATE FUNCTION openreplay.delete_segment(search_id uuid, user_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.segment_owner($1, $2);
	UPDATE public.saved_searches s SET deleted_at = timezone('utc', now()) WHERE s.search_id = $1;
END
$$;
COMMENT ON FUNCTION openreplay.delete_segment(uuid, integer) IS 'Deletes one''s own segment; searches that name it go on without. Raises no_data_found, insufficient_privilege.';

CREATE FUNCTION openreplay.segments(project_id integer, viewer_id integer DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (search_id uuid, name text, user_id integer, user_name text, is_public boolean, created_at timestamp, data jsonb, total bigint)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	sort text := coalesce(options ->> 'sort', 'createdAt');
	upward boolean := upper(coalesce(options ->> 'order', CASE WHEN sort = 'createdAt' THEN 'DESC' ELSE 'ASC' END)) = 'ASC';
	most bigint := least(greatest(coalesce(openreplay.number_of(options, 'limit'), 20), 1), 100);
	skipped bigint := coalesce(openreplay.number_of(options, 'offset'), (least(greatest(coalesce(openreplay.number_of(options, 'page'), 1), 1), 1000000) - 1) * most);
BEGIN
	IF sort NOT IN ('name', 'createdAt', 'userName') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('segments cannot be sorted by "%s"', left(sort, 60)), HINT = 'It is name, createdAt or userName.';
	END IF;
	RETURN QUERY
	SELECT c.search_id, c.name::text, c.user_id, c.user_name, c.is_public, c.created_at, c.search_data, count(*) OVER ()
	FROM (SELECT s.*, u.name AS user_name, CASE sort WHEN 'name' THEN lower(s.name) WHEN 'userName' THEN lower(u.name) ELSE to_char(s.created_at, 'YYYYMMDDHH24MISSUS') END AS key
		FROM public.saved_searches s LEFT JOIN public.users u ON u.user_id = s.user_id) AS c
	WHERE c.project_id = $1 AND c.deleted_at IS NULL AND NOT c.is_share AND (c.expires_at IS NULL OR c.expires_at > timezone('utc', now())) AND (c.is_public OR c.user_id = $2)
	ORDER BY CASE WHEN upward THEN c.key END COLLATE "C", CASE WHEN NOT upward THEN c.key END COLLATE "C" DESC, c.search_id
	LIMIT most OFFSET skipped;
END
$$;
COMMENT ON FUNCTION openreplay.segments(integer, integer, jsonb) IS
	'Segments that a user may use, his own and public ones, newest first; none that are only shared by their link. options: sort (name, createdAt, userName), order, limit (20, up to 100), page or offset. total: segments on all pages.';

CREATE FUNCTION openreplay.segment_counts(search_id uuid, until_time timestamptz DEFAULT now()) RETURNS TABLE (sessions bigint, users bigint)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*), count(DISTINCT nullif(s.user_id, ''))
	FROM public.saved_searches a, LATERAL (SELECT (extract(epoch FROM $2) * 1000)::bigint AS ms) AS until,
		LATERAL openreplay.matching_sessions(a.project_id, (a.search_data - '{startDate,endDate,limit,page,after}'::text[]) || jsonb_build_object('startTimestamp', until.ms - 7 * 86400000::bigint, 'endTimestamp', until.ms)) m
		JOIN public.sessions s ON s.session_id = m.session_id
	WHERE a.search_id = $1 AND s.session_id >= openreplay.session_id_at($2 - interval '7 days 1 second') AND s.session_id < openreplay.session_id_at($2 + interval '1 day 1 second')
$$;
COMMENT ON FUNCTION openreplay.segment_counts(uuid, timestamptz) IS 'How many sessions of the seven days before a time are in a segment, and of how many known users.';

CREATE FUNCTION openreplay.segment(search_id uuid, viewer_id integer DEFAULT NULL, with_counts boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found jsonb;
BEGIN
	SELECT jsonb_build_object('searchId', s.search_id, 'projectId', s.project_id, 'userId', s.user_id, 'userName', u.name, 'name', s.name, 'isPublic', s.is_public, 'isShare', s.is_share,
		'createdAt', openreplay.json_time(s.created_at, 2), 'expiresAt', openreplay.json_time(s.expires_at, 2), 'data', s.search_data) INTO found
	FROM public.saved_searches s LEFT JOIN public.users u ON u.user_id = s.user_id
	WHERE s.search_id = $1 AND s.deleted_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > timezone('utc', now())) AND (s.is_public OR s.is_share OR s.user_id = $2);
	IF found IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'search not found', DETAIL = format('There is no search %s that %s may see.', $1, coalesce('user ' || $2, 'everybody'));
	ELSIF with_counts THEN
		RETURN found || (SELECT jsonb_build_object('sessionsCount', c.sessions, 'usersCount', c.users) FROM openreplay.segment_counts($1) c);
	END IF;
	RETURN found || '{"sessionsCount": null, "usersCount": null}';
END
$$;
COMMENT ON FUNCTION openreplay.segment(uuid, integer, boolean) IS
	'A segment as the web frontend''s JSON, with how many sessions and users of the last seven days are in it unless that is not wanted. Shared ones are found by whoever knows the id. Raises no_data_found.';

CREATE FUNCTION openreplay.segment_list(project_id integer, viewer_id integer DEFAULT NULL, options jsonb DEFAULT '{}', counting_time interval DEFAULT '10 seconds') RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ends_at timestamptz := clock_timestamp() + counting_time;
	item record;
	list jsonb := '[]';
	total bigint := 0;
BEGIN
	FOR item IN SELECT s.search_id, s.total FROM openreplay.segments($1, $2, $3) WITH ORDINALITY AS s ORDER BY s.ordinality
	LOOP
		list := list || openreplay.segment(item.search_id, $2, clock_timestamp() < ends_at);
		total := item.total;
	END LOOP;
	RETURN jsonb_build_object('total', total, 'searches', list);
END
$$;
COMMENT ON FUNCTION openreplay.segment_list(integer, integer, jsonb, interval) IS
	'openreplay.segments() as the web frontend''s JSON with the counts of openreplay.segment_counts(); null for those that come after counting took too long.';

-- ---- actions ----

CREATE FUNCTION openreplay.save_action(project_id integer, user_id integer, action jsonb, action_id uuid DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id uuid := $4;
	title text := trim(coalesce($3 ->> 'name', ''));
BEGIN
	IF jsonb_typeof($3 -> 'filters') IS DISTINCT FROM 'array' OR jsonb_array_length($3 -> 'filters') = 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'an action needs filters', HINT = 'It is {"name": "Bought", "filters": [{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [...]}]}.';
	ELSIF length(title) NOT BETWEEN 1 AND 255 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'an action needs a name', HINT = 'It has from 1 to 255 characters.';
	ELSIF length($3 ->> 'description') > 1024 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the description of an action is too long', HINT = 'It has at most 1024 characters.';
	ELSIF coalesce(jsonb_typeof($3 -> 'isPublic'), 'null') NOT IN ('boolean', 'null') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'isPublic of an action is true or false';
	ELSIF length($3::text) > 1000000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the action is too large', HINT = 'It has at most 1000000 characters.';
	ELSIF EXISTS (SELECT FROM public.actions a WHERE a.project_id = $1 AND lower(a.name) = lower(title) AND a.action_id IS DISTINCT FROM id) THEN
		RAISE invalid_parameter_value USING MESSAGE = 'name already exists.', DETAIL = format('Project %s has an action %L.', $1, left(title, 60));
	END IF;
	PERFORM openreplay.check_filter($1, jsonb_build_object('filters', $3 -> 'filters'));
	IF id IS NULL THEN
		INSERT INTO public.actions (project_id, user_id, name, description, filters, is_public)
		VALUES ($1, $2, title, $3 ->> 'description', $3 -> 'filters', coalesce(($3 ->> 'isPublic')::boolean, false)) RETURNING actions.action_id INTO id;
		RETURN id;
	END IF;
	UPDATE public.actions a SET name = title, description = $3 ->> 'description', filters = $3 -> 'filters', is_public = coalesce(($3 ->> 'isPublic')::boolean, a.is_public), updated_at = timezone('utc', now())
	WHERE a.action_id = id AND a.project_id = $1 AND (a.is_public OR a.user_id = $2);
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'action not found', DETAIL = format('User %s has no action %s in project %s.', $2, id, $1);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_action(integer, integer, jsonb, uuid) IS
	'Names a set of filters, or with an id replaces one of one''s own or a public one, and returns its id: name (one of a kind in its project), description, filters, isPublic (false by default). Filters can name it: {"isAction": true, "actionId": ...}. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.actions(project_id integer, viewer_id integer DEFAULT NULL)
RETURNS TABLE (action_id uuid, name text, description text, filters jsonb, is_public boolean, user_id integer, user_name text, created_at timestamp, updated_at timestamp)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
	SELECT a.action_id, a.name::text, a.description::text, a.filters, a.is_public, a.user_id, u.name, a.created_at, a.updated_at
	FROM public.actions a LEFT JOIN public.users u ON u.user_id = a.user_id
	WHERE a.project_id = $1 AND (a.is_public OR a.user_id = $2) ORDER BY a.created_at DESC, a.name
$$;
COMMENT ON FUNCTION openreplay.actions(integer, integer) IS 'Actions of a project that a user may use, his own and public ones, newest first.';

CREATE FUNCTION openreplay.delete_action(action_id uuid, user_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM public.actions a WHERE a.action_id = $1 AND (a.is_public OR a.user_id = $2);
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'action not found', DETAIL = format('User %s has no action %s.', $2, $1);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_action(uuid, integer) IS 'Deletes an action, one''s own or a public one; searches that name it go on without. Raises no_data_found.';

-- ---- names of metadata ----

/*
 * Metadata of sessions is in ten slots that the project names. A slot whose name was deleted still has its values, which
 * must not show under the next name: it is noted as freed until they are cleared, a step at a time, and given out again
 * only when no other slot is free.
 */
CREATE FUNCTION openreplay.install_metadata() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.freed_metadata') IS NULL THEN
		CREATE TABLE openreplay.freed_metadata (
			project_id	integer REFERENCES public.projects ON DELETE CASCADE,
			index		integer CHECK (index BETWEEN 1 AND 10),
			freed_at	timestamptz NOT NULL DEFAULT now(),
			PRIMARY KEY (project_id, index)
		);
	END IF;
	COMMENT ON TABLE openreplay.freed_metadata IS 'Slots of metadata that have no name any more, whose values are still to be cleared by openreplay.clear_metadata().';
	GRANT SELECT, INSERT, UPDATE, DELETE ON openreplay.freed_metadata TO openreplay_admin;
END
$$;
COMMENT ON FUNCTION openreplay.install_metadata() IS 'Creates the missing table of freed slots.';

CREATE FUNCTION openreplay.clear_metadata_slot(project_id integer, index integer, most integer) RETURNS bigint
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	cleared bigint;
BEGIN
	EXECUTE format('UPDATE public.sessions s SET metadata_%1$s = NULL FROM (SELECT o.session_id FROM public.sessions o WHERE o.project_id = $1 AND o.metadata_%1$s IS NOT NULL LIMIT $2 FOR NO KEY UPDATE) AS chosen
		WHERE s.session_id = chosen.session_id', $2) USING $1, $3;
	GET DIAGNOSTICS cleared = ROW_COUNT;
	RETURN cleared;
END
$$;
COMMENT ON FUNCTION openreplay.clear_metadata_slot(integer, integer, integer) IS 'Clears a slot of metadata of at most so many sessions of a project. Returns of how many.';

CREATE FUNCTION openreplay.clear_freed_metadata(most integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	slot record;
	cleared bigint;
BEGIN
	SELECT f.project_id, f.index INTO slot FROM openreplay.freed_metadata f ORDER BY f.freed_at, f.project_id, f.index LIMIT 1 FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	cleared := openreplay.clear_metadata_slot(slot.project_id, slot.index, most);
	IF cleared < most THEN
		DELETE FROM openreplay.freed_metadata f WHERE f.project_id = slot.project_id AND f.index = slot.index;
	END IF;
	RETURN cleared;
END
$$;
COMMENT ON FUNCTION openreplay.clear_freed_metadata(integer) IS 'One step of openreplay.clear_metadata(): at most so many sessions. Null when nothing is left to clear.';

CREATE PROCEDURE openreplay.clear_metadata()
LANGUAGE plpgsql AS $$
BEGIN
	WHILE openreplay.clear_freed_metadata() IS NOT NULL
	LOOP
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.clear_metadata() IS 'Clears what sessions have in slots of metadata whose names were deleted, in small transactions that can be interrupted.';

CREATE FUNCTION openreplay.save_metadata_key(project_id integer, key text, index integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	title text := trim(coalesce($2, ''));
	slot integer := $3;
	old text;
BEGIN
	PERFORM FROM public.projects p WHERE p.project_id = $1 AND p.deleted_at IS NULL FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'project not found', DETAIL = format('There is no project %s.', $1);
	ELSIF length(title) NOT BETWEEN 1 AND 100 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'key value invalid', HINT = 'It has from 1 to 100 characters.';
	ELSIF EXISTS (SELECT FROM openreplay.metadata_keys($1) k WHERE lower(k.key) = lower(title) AND k.index IS DISTINCT FROM slot) THEN
		RAISE invalid_parameter_value USING MESSAGE = 'name already exists.', DETAIL = format('Project %s has metadata %L.', $1, title);
	END IF;
	IF slot IS NULL THEN
		SELECT n INTO slot FROM generate_series(1, 10) AS n LEFT JOIN openreplay.freed_metadata f ON f.project_id = $1 AND f.index = n
		WHERE n NOT IN (SELECT k.index FROM openreplay.metadata_keys($1) k) ORDER BY f.index IS NOT NULL, n LIMIT 1;
		IF slot IS NULL THEN
			RAISE program_limit_exceeded USING MESSAGE = 'maximum allowed metadata reached', HINT = 'A project has 10 of them; openreplay.delete_metadata_key() frees one.';
		END IF;
		DELETE FROM openreplay.freed_metadata f WHERE f.project_id = $1 AND f.index = slot;
		IF FOUND THEN
			PERFORM openreplay.clear_metadata_slot($1, slot, 2147483647);
		END IF;
	ELSE
		SELECT k.key INTO old FROM openreplay.metadata_keys($1) k WHERE k.index = slot;
		IF NOT FOUND THEN
			RAISE no_data_found USING MESSAGE = 'custom field not found', DETAIL = format('Project %s has no metadata in slot %s.', $1, slot);
		END IF;
		UPDATE public.projects_conditions c SET filters = (SELECT jsonb_agg(CASE WHEN f @> jsonb_build_object('type', 'metadata', 'source', old) THEN f || jsonb_build_object('source', title) ELSE f END ORDER BY n)
			FROM jsonb_array_elements(c.filters) WITH ORDINALITY AS x (f, n))
		WHERE c.project_id = $1 AND c.filters @> jsonb_build_array(jsonb_build_object('type', 'metadata', 'source', old));
	END IF;
	EXECUTE format('UPDATE public.projects p SET metadata_%s = $2 WHERE p.project_id = $1', slot) USING $1, title;
	RETURN slot;
END
$$;
COMMENT ON FUNCTION openreplay.save_metadata_key(integer, text, integer) IS
	'Names a free slot of a project''s metadata, or with an index gives that slot another name, also where capture conditions use it, and returns the slot: trackers can set metadata of that name from now on. Raises invalid_parameter_value, no_data_found, program_limit_exceeded.';

CREATE FUNCTION openreplay.delete_metadata_key(project_id integer, index integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM FROM public.projects p WHERE p.project_id = $1 FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM openreplay.metadata_keys($1) k WHERE k.index = $2) THEN
		RAISE no_data_found USING MESSAGE = 'custom field not found', DETAIL = format('Project %s has no metadata in slot %s.', $1, $2);
	END IF;
	EXECUTE format('UPDATE public.projects p SET metadata_%s = NULL WHERE p.project_id = $1', $2) USING $1;
	INSERT INTO openreplay.freed_metadata (project_id, index) VALUES ($1, $2) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION openreplay.delete_metadata_key(integer, integer) IS
	'Takes the name from a slot of a project''s metadata. What sessions have there is not shown any more, and cleared by the periodic work. Raises no_data_found.';

-- ---- users, and what else is asked ----

CREATE FUNCTION openreplay.recording_status(project_id integer, at timestamptz DEFAULT now()) RETURNS TABLE (recording_status integer, sessions_count bigint)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN count(*) = 0 THEN 0 WHEN count(s.duration) = 0 THEN 1 ELSE 2 END, count(*) FROM public.sessions s
	WHERE s.project_id = $1 AND s.session_id >= openreplay.session_id_at($2 - interval '1 day 1 second') AND s.session_id < openreplay.session_id_at($2 + interval '2 days')
		AND s.start_ts >= (extract(epoch FROM $2) * 1000)::bigint - 86400000 AND s.start_ts <= (extract(epoch FROM $2) * 1000)::bigint + 86400000
$$;
COMMENT ON FUNCTION openreplay.recording_status(integer, timestamptz) IS 'Whether a project records: 0 no session in a day, 1 some but none has ended, 2 some have; and how many.';

CREATE FUNCTION openreplay.error_sessions(error_id text, from_time timestamptz DEFAULT now() - interval '7 days', until_time timestamptz DEFAULT now(), viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('total', count(*), 'sessions', openreplay.list_sessions((array_agg(o.session_id ORDER BY o.session_id DESC))[1:100], $4))
	FROM (SELECT DISTINCT e.session_id FROM events.errors e
		WHERE e.error_id = $1 AND e.timestamp >= (extract(epoch FROM $2) * 1000)::bigint AND e.timestamp <= (extract(epoch FROM $3) * 1000)::bigint) AS o
$$;
COMMENT ON FUNCTION openreplay.error_sessions(text, timestamptz, timestamptz, integer) IS 'How many sessions had an error in a time, the last 7 days by default, and the newest 100 of them, as the web frontend''s JSON.';

CREATE FUNCTION openreplay.search_events(project_id integer, filter jsonb DEFAULT '{}')
RETURNS TABLE (session_id bigint, "timestamp" bigint, name text, value text, user_id text, user_uuid uuid, properties jsonb, total bigint)
LANGUAGE c STABLE ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'openreplay_search_events';
COMMENT ON FUNCTION openreplay.search_events(integer, jsonb) IS
	'A page of the events of a project, of the last 7 days unless the filter has startTimestamp and endTimestamp: those that satisfy one of the event items of the filter, or without any all but seen tags and performance samples; of sessions, also of live ones, that satisfy its other conditions. '
	'sortOrder: ASC, DESC, by time; limit (50, up to 200), page. name is that of filters of the second generation, or a site''s own; total: events on all pages.';

CREATE FUNCTION openreplay.search_issues(project_id integer, filter jsonb DEFAULT '{}')
RETURNS TABLE (issue_id text, type text, title text, context_string text, occurrences bigint, sessions bigint, users bigint, first_occurrence bigint, last_occurrence bigint, total bigint)
LANGUAGE c STABLE ROWS 200 SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'openreplay_search_issues';
COMMENT ON FUNCTION openreplay.search_issues(integer, jsonb) IS
	'Issues of the sessions that satisfy a filter, those of most sessions first; a site''s own events (custom) only when types has them. types: list of kinds; limit, page. total: issues on all pages.';

CREATE FUNCTION openreplay.sessions_by_metadata(key text, value text, project_id integer DEFAULT NULL, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	project record;
	expression text;
	total bigint;
	ids bigint[];
	found jsonb := '{}';
BEGIN
	FOR project IN SELECT p.project_id, p.name FROM public.projects p WHERE p.deleted_at IS NULL AND (sessions_by_metadata.project_id IS NULL OR p.project_id = sessions_by_metadata.project_id) ORDER BY p.project_id
	LOOP
		expression := CASE $1 WHEN 'userId' THEN 's.user_id' WHEN 'userAnonymousId' THEN 's.user_anonymous_id'
			ELSE 's.metadata_' || (SELECT k.index FROM openreplay.metadata_keys(project.project_id) k WHERE k.key = $1) END;
		total := 0;
		ids := '{}';
		IF expression IS NOT NULL THEN
			EXECUTE format('SELECT count(*), (array_agg(s.session_id ORDER BY EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = s.session_id AND f.user_id = $3) DESC, s.issue_score DESC, s.session_id DESC))[1:10]
				FROM public.sessions s WHERE s.project_id = $1 AND %s = $2', expression) INTO total, ids USING project.project_id, $2, $4;
		END IF;
		found := found || jsonb_build_object(project.project_id::text, jsonb_build_object('total', total, 'sessions', openreplay.list_sessions(coalesce(ids, '{}'), $4), 'missingMetadata', expression IS NULL, 'name', project.name));
	END LOOP;
	RETURN found;
END
$$;
COMMENT ON FUNCTION openreplay.sessions_by_metadata(text, text, integer, integer) IS
	'Sessions by the value of some metadata, or by userId or userAnonymousId, in all projects or one: an object by project with total, the ten sessions with most trouble, one''s bookmarks before them, and whether the project has no such metadata.';

CREATE FUNCTION openreplay.user_summary(project_id integer, user_id text) RETURNS TABLE (user_id text, session_count bigint, first_seen bigint, last_seen bigint)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
	SELECT s.user_id, count(*), min(s.start_ts), max(s.start_ts) FROM public.sessions s WHERE s.project_id = $1 AND s.user_id = $2 AND s.duration IS NOT NULL GROUP BY s.user_id
$$;
COMMENT ON FUNCTION openreplay.user_summary(integer, text) IS 'How many sessions of a user have ended, and when the first and the last began, in milliseconds; no row for an unknown user.';

CREATE FUNCTION openreplay.people(project_id integer, options jsonb DEFAULT '{}')
RETURNS TABLE (user_id text, email text, name text, first_name text, last_name text, created_at timestamptz, last_seen timestamptz, sessions bigint, country text, state text, city text, properties jsonb, total bigint)
LANGUAGE plpgsql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
	sort text := lower(ltrim(replace(coalesce(options ->> 'sortBy', options ->> 'sort', 'lastSeen'), '_', ''), '$'));
	upward boolean := upper(coalesce(options ->> 'sortOrder', options ->> 'order', 'DESC')) = 'ASC';
	pattern text := '%' || regexp_replace(coalesce(options ->> 'query', options ->> 'q', ''), '([\\%_])', '\\\1', 'g') || '%';
	most bigint := least(greatest(coalesce(openreplay.number_of(options, 'limit'), 50), 1), 200);
	page bigint := least(greatest(coalesce(openreplay.number_of(options, 'page'), 1), 1), 1000000);
BEGIN
	IF sort NOT IN ('userid', 'email', 'name', 'createdat', 'lastseen', 'sessions') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('people cannot be sorted by "%s"', left(sort, 60)), HINT = 'It is userId, email, name, createdAt, lastSeen or sessions.';
	END IF;
	RETURN QUERY
	WITH seen AS (
		SELECT s.user_id, count(*) AS sessions, min(s.session_id) AS first_id, max(s.session_id) AS last_id FROM public.sessions s
		WHERE s.project_id = $1 AND s.user_id <> '' AND (options ->> 'userId' IS NULL OR s.user_id = options ->> 'userId') GROUP BY s.user_id
	), person AS (
		SELECT coalesce(seen.user_id, p.user_id) AS user_id, p.properties ->> 'email' AS email, p.properties ->> 'name' AS name, p.properties ->> 'first_name' AS first_name, p.properties ->> 'last_name' AS last_name,
			least(p.first_seen_at, openreplay.session_time(seen.first_id)) AS created_at, greatest(p.last_seen_at, openreplay.session_time(seen.last_id)) AS last_seen, coalesce(seen.sessions, 0) AS sessions, seen.last_id,
			coalesce(p.properties, '{}') AS properties
		FROM seen FULL JOIN (SELECT u.* FROM openreplay.user_properties u WHERE u.project_id = $1 AND (options ->> 'userId' IS NULL OR u.user_id = options ->> 'userId')) AS p ON p.user_id = seen.user_id
		WHERE p.deleted_at IS NULL
	), chosen AS (
		SELECT q.*, count(*) OVER () AS total, CASE sort WHEN 'userid' THEN q.user_id WHEN 'email' THEN lower(q.email) WHEN 'name' THEN lower(q.name) WHEN 'sessions' THEN lpad(q.sessions::text, 20, '0')
				ELSE to_char(CASE sort WHEN 'createdat' THEN q.created_at ELSE q.last_seen END AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') END AS key
		FROM person q WHERE pattern = '%%' OR q.user_id ILIKE pattern OR q.email ILIKE pattern OR q.name ILIKE pattern
	), listed AS (
		SELECT c.*, row_number() OVER (ORDER BY CASE WHEN upward THEN c.key END COLLATE "C", CASE WHEN NOT upward THEN c.key END COLLATE "C" DESC NULLS LAST, c.user_id COLLATE "C") AS place FROM chosen c
	)
	SELECT l.user_id, l.email, l.name, l.first_name, l.last_name, l.created_at, l.last_seen, l.sessions, s.user_country::text, s.user_state, s.user_city, l.properties, l.total
	FROM listed l LEFT JOIN public.sessions s ON s.session_id = l.last_id
	WHERE l.place > (page - 1) * most AND l.place <= page * most ORDER BY l.place;
END
$$;
COMMENT ON FUNCTION openreplay.people(integer, jsonb) IS
	'The known users of a project, those seen last first: who had sessions or was told of by the site''s analytics. options: query (part of id, email or name), userId (one user), sortBy (userId, email, name, createdAt, lastSeen, sessions), sortOrder, limit (50), page. country, state and city are those of the last session; total: users on all pages.';

CREATE FUNCTION openreplay.save_person(project_id integer, user_id text, properties jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF length(coalesce($2, '')) NOT BETWEEN 1 AND 256 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a user needs an id', HINT = 'It has from 1 to 256 characters.';
	ELSIF jsonb_typeof($3) IS DISTINCT FROM 'object' OR length($3::text) > 100000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the properties of a user are a JSON object', HINT = 'It is {"email": "ann@example.com", "name": "Ann", "plan": "pro"}, of at most 100000 characters.';
	ELSIF NOT EXISTS (SELECT FROM openreplay.people($1, jsonb_build_object('userId', $2))) THEN
		RAISE no_data_found USING MESSAGE = 'user not found', DETAIL = format('Project %s has no user %L.', $1, left($2, 60));
	END IF;
	INSERT INTO openreplay.user_properties AS u (project_id, user_id, properties, first_seen_at, last_seen_at)
	SELECT $1, $2, jsonb_strip_nulls($3), p.created_at, p.last_seen FROM openreplay.people($1, jsonb_build_object('userId', $2)) p
	ON CONFLICT ON CONSTRAINT user_properties_pkey DO UPDATE SET properties = jsonb_strip_nulls(u.properties || $3);
END
$$;
COMMENT ON FUNCTION openreplay.save_person(integer, text, jsonb) IS 'Changes what is known of a user: properties that are named get another value, those that are null go. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.alert_triggers(project_id integer, viewer_id integer DEFAULT NULL)
RETURNS TABLE (name text, value text, unit text, predefined boolean, metric_id integer, series_id integer)
LANGUAGE sql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.name, m.name, m.unit, true, NULL, NULL FROM openreplay.alert_metrics() m
	UNION ALL
	(SELECT concat_ws('.', m.name, coalesce(nullif(s.name, ''), 'series ' || s.index), 'count'), s.series_id::text, 'count', false, m.metric_id, s.series_id
	FROM public.metrics m JOIN public.metric_series s ON s.metric_id = m.metric_id
	WHERE m.project_id = $1 AND m.metric_type = 'timeseries' AND m.deleted_at IS NULL AND s.deleted_at IS NULL AND (m.is_public OR m.user_id = $2)
	ORDER BY m.name, m.metric_id, s.index)
$$;
COMMENT ON FUNCTION openreplay.alert_triggers(integer, integer) IS 'What an alert can watch: the figures of openreplay.alert_metrics(), and the series of the cards of metricType timeseries that a user may see.';

-- ==== 12. Cards ====================================================================================================

-- ---- every card ----

CREATE FUNCTION openreplay.card_catalogue()
RETURNS TABLE (generation integer, metric_type text, metric_of text, view_types text, metric_formats text)
LANGUAGE c STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_catalogue';
COMMENT ON FUNCTION openreplay.card_catalogue() IS
	'Which cards there are: metricType and metricOf, how they can be shown, the first being the default, and what they can count. generation 1 and 2: the web frontend''s; their charts have different shapes.';

CREATE FUNCTION openreplay.merge_filters(filter jsonb, more jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	WITH item AS (
		SELECT n, e, coalesce(e -> 'isEvent' = 'true', false) AS is_event, ARRAY[coalesce(e ->> 'name', e ->> 'type'), e ->> 'operator', e ->> 'source'] AS key
		FROM (SELECT CASE jsonb_typeof($1) WHEN 'array' THEN $1 ELSE openreplay.flat_filter($1) -> 'filters' END AS list) AS l,
			LATERAL jsonb_array_elements(CASE jsonb_typeof(list) WHEN 'array' THEN list ELSE '[]' END) WITH ORDINALITY AS x (e, n)
	), extra AS (
		SELECT n, e, coalesce(e -> 'isEvent' = 'true', false) AS is_event, ARRAY[coalesce(e ->> 'name', e ->> 'type'), e ->> 'operator', e ->> 'source'] AS key
		FROM jsonb_array_elements($2) WITH ORDINALITY AS x (e, n)
	), merged AS (
		SELECT i.n, CASE WHEN x.e IS NULL THEN i.e
				WHEN i.is_event THEN i.e || jsonb_build_object('value', coalesce(i.e -> 'value', '[]') || coalesce(x.e -> 'value', '[]'))
				ELSE i.e || jsonb_build_object('value', coalesce(x.e -> 'value', '[]')) END AS e
		FROM item i LEFT JOIN LATERAL (
			SELECT extra.e FROM extra WHERE extra.key IS NOT DISTINCT FROM i.key AND extra.is_event = i.is_event ORDER BY extra.n LIMIT 1
		) AS x ON true
		UNION ALL
		SELECT 1000000 + x.n, x.e FROM extra x WHERE NOT EXISTS (SELECT FROM item i WHERE i.key IS NOT DISTINCT FROM x.key AND i.is_event = x.is_event)
	)
	-- what is no filter at all stays so, and whoever reads it says why
	SELECT CASE WHEN coalesce(jsonb_typeof($1 -> 'filters'), 'array') NOT IN ('array', 'null') THEN $1 ELSE CASE jsonb_typeof($1) WHEN 'object' THEN $1 - 'events' ELSE '{}' END || jsonb_build_object('filters', coalesce(jsonb_agg(e ORDER BY n), '[]')) END FROM merged
$$;
COMMENT ON FUNCTION openreplay.merge_filters(jsonb, jsonb) IS
	'A filter with the filters of the card around it: an event that is there with the same operator gets the values besides its own, an attribute gets them instead of its own, what is not there is added.';

CREATE FUNCTION openreplay.try_card(project_id integer, card jsonb, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_try_card';
COMMENT ON FUNCTION openreplay.try_card(integer, jsonb, integer) IS
	'The chart of a card as the web frontend''s JSON, without the object "data" around it: {"metricType", "metricOf": what is asked, see openreplay.card_catalogue(); "viewType", "metricFormat"; "startTimestamp", "endTimestamp": milliseconds, the last 7 days by default; "density": number of points; '
	'"series": [{"name", "filter": as for openreplay.search_sessions()}], "filters": more for every series; "limit", "page"; "generation": 1 or 2, for cards that do not tell by themselves}. viewer_id: whose marks and private things count. Raises invalid_parameter_value with a hint that lists what is allowed.';

CREATE FUNCTION openreplay.explain_card(project_id integer, card jsonb) RETURNS SETOF text
LANGUAGE c STRICT ROWS 30 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_explain_card';
COMMENT ON FUNCTION openreplay.explain_card(integer, jsonb) IS
	'The plan by which the chart of a card is made: which months it reads and which indexes it uses.';

-- ---- over time ----

CREATE FUNCTION openreplay.timeseries(project_id integer, card jsonb)
RETURNS TABLE (series text, breakdown text[], "timestamp" bigint, value bigint)
LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_timeseries';
COMMENT ON FUNCTION openreplay.timeseries(integer, jsonb) IS
	'The rows of a card of metricType timeseries: each series at each point in time, in milliseconds; buckets without anything have 0. breakdown: the values of the card''s breakdowns that a row is about, none of them for the whole.';

CREATE FUNCTION openreplay.progress(previous numeric, value numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN value > 0 THEN 100 * (previous - value) / value WHEN previous = 0 THEN 0 ELSE 100 END;
COMMENT ON FUNCTION openreplay.progress(numeric, numeric) IS
	'How a figure changed, in percent, as the web frontend has it: positive when it fell.';

CREATE FUNCTION openreplay.compare_timeseries(project_id integer, card jsonb)
RETURNS TABLE (series text, breakdown text[], "timestamp" bigint, value bigint, previous bigint, progress numeric)
LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_compare_timeseries';
COMMENT ON FUNCTION openreplay.compare_timeseries(integer, jsonb) IS
	'The rows of openreplay.timeseries(), each beside that of the time before: as long, and up to where the card''s own begins. The row without a timestamp is the whole range, whose users are counted once. progress: see openreplay.progress().';

-- ---- tables ----

CREATE FUNCTION openreplay.table_values(project_id integer, card jsonb)
RETURNS TABLE (series text, breakdown text[], place bigint, name text, value bigint)
LANGUAGE c STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_table_values';
COMMENT ON FUNCTION openreplay.table_values(integer, jsonb) IS
	'The rows of a card of metricType table that lists values, such as userBrowser or location: a page of the most frequent ones. breakdown: as for openreplay.timeseries(), each with a page of its own.';

CREATE FUNCTION openreplay.list_errors(project_id integer, filter jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('total', coalesce(max(e.total), 0), 'errors', coalesce(jsonb_agg(openreplay.camel_keys(to_jsonb(e) - 'total' - 'ordinality') ORDER BY e.ordinality), '[]'))
	FROM openreplay.search_errors($1, $2, $3) WITH ORDINALITY AS e
$$;
COMMENT ON FUNCTION openreplay.list_errors(integer, jsonb, integer) IS 'openreplay.search_errors() as the JSON of the web frontend''s list of errors.';

-- ---- what is behind a card ----

CREATE FUNCTION openreplay.card_sessions(project_id integer, card jsonb, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_sessions';
COMMENT ON FUNCTION openreplay.card_sessions(integer, jsonb, integer) IS
	'The sessions behind a card as the web frontend''s JSON, a list: for each series seriesId, seriesName, total and a page of sessions. viewer_id: whose marks they have.';

CREATE FUNCTION openreplay.sessions_of_card(project_id integer, card jsonb, viewer_id integer DEFAULT NULL)
RETURNS TABLE (series text, session_id bigint, viewed boolean, favorite boolean, user_uuid uuid, user_id text, user_anonymous_id text,
	user_os text, user_browser text, user_device text, user_device_type text, user_country text, user_city text, user_state text,
	start_ts bigint, duration integer, events_count integer, pages_count integer, errors_count integer, platform text, timezone text,
	issue_score bigint, issue_types text[], metadata jsonb, screen_width integer, screen_height integer,
	user_sessions_count bigint, first_session_ts bigint)
LANGUAGE c STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_sessions_of_card';
COMMENT ON FUNCTION openreplay.sessions_of_card(integer, jsonb, integer) IS
	'The sessions behind a card: what openreplay.search_sessions() finds for each of its series, with the card''s range, filters, limit and page.';

CREATE FUNCTION openreplay.card_errors(project_id integer, card jsonb, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_errors';
COMMENT ON FUNCTION openreplay.card_errors(integer, jsonb, integer) IS
	'The JavaScript errors behind the first series of a card, as the web frontend''s JSON: seriesId, seriesName, total and a page of errors. Null for a card without series.';

-- ---- funnels ----

CREATE FUNCTION openreplay.funnel(project_id integer, card jsonb)
RETURNS TABLE (breakdown text[], stage integer, type text, operator text, "values" text[], filters jsonb, reached bigint, drop_pct double precision)
LANGUAGE c STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_funnel';
COMMENT ON FUNCTION openreplay.funnel(integer, jsonb) IS
	'The stages of a card of metricType funnel, which are the events of its first series: how many sessions (or users, with metricFormat userCount; or, in generation 2, runs through the stages, with eventCount) reached each after those before it, and how many percent of the stage before did not. Sessions that go on count. breakdown: values of the card''s breakdowns, empty for the whole.';

CREATE FUNCTION openreplay.count_runs(kinds integer[], steps integer[], timestamps bigint[], keys bigint[]) RETURNS bigint[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_count_runs';
COMMENT ON FUNCTION openreplay.count_runs(integer[], integer[], bigint[], bigint[]) IS
	'How often a session runs through the first step, the first two and so on: kinds are those of openreplay.follow_steps(), the others the step, time and key of each event, in any order. A run begins after the time at which the one before ended; through one step it is an event.';

CREATE FUNCTION openreplay.funnel_sessions(project_id integer, card jsonb, stage integer, dropped boolean DEFAULT false)
RETURNS TABLE (session_id bigint, reached_at bigint)
LANGUAGE c STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_funnel_sessions';
COMMENT ON FUNCTION openreplay.funnel_sessions(integer, jsonb, integer, boolean) IS
	'Sessions that reached a stage of a funnel, from 1 on, and when, in milliseconds; with dropped those that reached the stage before, then, and not this one. 0: a stage that must not be was passed before anything happened.';

CREATE FUNCTION openreplay.issue_significance(sessions bigint, affected bigint, lost bigint, affected_lost bigint,
	OUT correlation double precision, OUT confidence double precision, OUT significant boolean, OUT lost_conversions bigint, OUT conversion_impact integer, OUT drop_due bigint)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_issue_significance';
COMMENT ON FUNCTION openreplay.issue_significance(bigint, bigint, bigint, bigint) IS
	'How much an issue has to do with sessions being lost, from how many there are, have it, are lost, and both. correlation: Pearson''s, at least 0; significant: confidence, which grows with the number of sessions, is above 0.4; lost_conversions: how many of the affected that explains; conversion_impact: percent; drop_due: how many of those affected and lost that explains.';

CREATE FUNCTION openreplay.funnel_issues(project_id integer, card jsonb)
RETURNS TABLE (issue_id text, type text, title text, context_string text, affected_sessions bigint, unaffected_sessions bigint, affected_users bigint,
	lost_sessions bigint, correlation double precision, confidence double precision, significant boolean, lost_conversions bigint, conversion_impact integer)
LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_funnel_issues';
COMMENT ON FUNCTION openreplay.funnel_issues(integer, jsonb) IS
	'Issues of the sessions that entered a funnel, those of most sessions first: what happened between its first and its last stage, or until the end of a session that did not get there. lost_sessions: those affected that did not; the other figures are those of openreplay.issue_significance().';

-- ---- issues behind a card ----

CREATE FUNCTION openreplay.card_issues(project_id integer, card jsonb) RETURNS jsonb
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_issues';
COMMENT ON FUNCTION openreplay.card_issues(integer, jsonb) IS
	'Issues behind a funnel (see openreplay.funnel_issues()) or a journey as the web frontend''s JSON, without the object "data" around it; of a saved card with seriesId and seriesName.';

CREATE FUNCTION openreplay.issue_sessions(project_id integer, card jsonb, issue_id text) RETURNS SETOF bigint
LANGUAGE c STABLE STRICT ROWS 1000 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_issue_sessions';
COMMENT ON FUNCTION openreplay.issue_sessions(integer, jsonb, text) IS
	'The sessions that openreplay.card_issues() counts for an issue.';

CREATE FUNCTION openreplay.list_sessions(session_ids bigint[], viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_agg(openreplay.camel_keys(to_jsonb(s) - 'n' - 'project_id')
		|| jsonb_build_object('projectId', s.project_id, 'sessionId', s.session_id::text, 'metadata', openreplay.session_metadata(s.session_id)) ORDER BY s.n), '[]')
	FROM (
		SELECT i.n, s.project_id, s.session_id, EXISTS (SELECT FROM public.user_viewed_sessions v WHERE v.session_id = s.session_id AND v.user_id = $2) AS viewed,
			EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = s.session_id AND f.user_id = $2) AS favorite,
			s.user_uuid, s.user_id, s.user_anonymous_id, s.user_os, s.user_browser, s.user_device, s.user_device_type, s.user_country, s.user_city, s.user_state,
			s.start_ts, s.duration, s.events_count, s.pages_count, s.errors_count, s.platform, s.timezone, s.issue_score, s.issue_types, s.screen_width, s.screen_height
		FROM unnest($1) WITH ORDINALITY AS i (session_id, n) JOIN public.sessions s ON s.session_id = i.session_id
	) AS s
$$;
COMMENT ON FUNCTION openreplay.list_sessions(bigint[], integer) IS
	'Sessions, in the order given, as openreplay.search() lists them. viewer_id: whose marks viewed and favorite are.';

CREATE FUNCTION openreplay.card_issue_sessions(project_id integer, card jsonb, issue_id text, viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_series jsonb := '{}';
	issue jsonb;
	ids bigint[];
	page_size integer;
	page_number integer;
BEGIN
	IF card #>> '{series,0,seriesId}' IS NOT NULL THEN
		of_series := jsonb_build_object('seriesId', card #> '{series,0,seriesId}', 'seriesName', card #> '{series,0,name}');
	END IF;
	-- newest first; raises what is wrong about the card
	SELECT coalesce(array_agg(s ORDER BY s DESC), '{}') INTO ids FROM openreplay.issue_sessions($1, $2, $3) AS s;
	page_size := coalesce((card ->> 'limit')::integer, 200);
	page_number := coalesce((card ->> 'page')::integer, 1);
	SELECT jsonb_build_object('issueId', i.issue_id, 'type', i.type, 'title', coalesce(t.title, i.type::text), 'contextString', i.context_string) INTO issue
	FROM public.issues i LEFT JOIN openreplay.issue_types() t ON t.type = i.type::text
	WHERE i.issue_id = $3 AND i.project_id = $1;
	RETURN of_series || jsonb_build_object('issue', issue, 'sessions', jsonb_build_object('total', cardinality(ids),
		'sessions', openreplay.list_sessions(ids[(page_number - 1) * page_size + 1 : page_number * page_size], $4)));
END
$$;
COMMENT ON FUNCTION openreplay.card_issue_sessions(integer, jsonb, text, integer) IS
	'A page, by limit and page of the card, of the sessions that openreplay.card_issues() counts for an issue, newest first, and the issue, which is null when there is no such.';

-- ---- journeys ----

CREATE FUNCTION openreplay.sequence_path(events bytea, start_ts bigint, from_ts bigint, to_ts bigint, wanted bigint[], starts bigint[], steps integer, backwards boolean) RETURNS bigint[]
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 200 AS 'MODULE_PATHNAME', 'openreplay_sequence_path';
COMMENT ON FUNCTION openreplay.sequence_path(bytea, bigint, bigint, bigint, bigint[], bigint[], integer, boolean) IS
	'The first events of a row of openreplay.session_events from from_ts to to_ts that are of the wanted values, backwards the last ones, each as its value and its time; values are kind * 2^32 + value_id. With starts, only from the first one on that is one of these. NULL when there is none. wanted and starts are the same for all rows of a query.';

CREATE FUNCTION openreplay.path_values(path bigint[]) RETURNS bigint[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_path_values';
COMMENT ON FUNCTION openreplay.path_values(bigint[]) IS 'A path of openreplay.sequence_path() without its times.';

CREATE FUNCTION openreplay.add_path(state internal, path bigint[], steps integer) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_add_path';
COMMENT ON FUNCTION openreplay.add_path(internal, bigint[], integer) IS 'Of openreplay.path_links().';

CREATE FUNCTION openreplay.packed_path_links(state internal) RETURNS bigint[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_path_links';
COMMENT ON FUNCTION openreplay.packed_path_links(internal) IS 'Of openreplay.path_links().';

CREATE AGGREGATE openreplay.path_links(path bigint[], steps integer) (
	SFUNC = openreplay.add_path, STYPE = internal, SSPACE = 65536, FINALFUNC = openreplay.packed_path_links, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.path_links(bigint[], integer) IS
	'Links of paths of openreplay.sequence_path(), a row each: step, value, next value or -1 where the path ends, how many paths go this way, the sum of the times in between. Paths have at most so many steps, the last of which begins no link.';

CREATE FUNCTION openreplay.journey(project_id integer, card jsonb)
RETURNS TABLE (step integer, source_type text, source text, target_type text, target text, sessions bigint, percent double precision, avg_gap_ms double precision)
LANGUAGE c STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_journey';
COMMENT ON FUNCTION openreplay.journey(integer, jsonb) IS
	'The links of a card of metricType pathAnalysis: from an event to the next one, at each step from 1 on in the order of time, how many sessions go that way, how many percent of those at the start that is, and the mean time in between. metricValue: kinds of events, pages by default; startType: start or end; startPoint: the event that paths begin or end with, by default what most do; excludes: events that are left out; density: steps; hideExcess: fewer links. '
	'In generation 2, OTHER is all that is not shown by itself and DROP where paths have ended.';

-- ---- maps ----

CREATE FUNCTION openreplay.heatmap_points(project_id integer, request jsonb) RETURNS TABLE (normalized_x numeric, normalized_y numeric)
LANGUAGE c STABLE ROWS 500 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_heatmap_points';
COMMENT ON FUNCTION openreplay.heatmap_points(integer, jsonb) IS
	'Where pages were clicked, in percent of the document, at most 500 points, the earliest: {"url": a path, "operator": startsWith (the default), is, contains or endsWith, "startTimestamp", "endTimestamp", "filters": as for openreplay.search_sessions(), "clickRage": only clicks with which a click rage begins}. No url, no points.';

CREATE FUNCTION openreplay.session_heatmap(session_id bigint, url text DEFAULT NULL, operator text DEFAULT 'startsWith') RETURNS TABLE (normalized_x numeric, normalized_y numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.normalized_x, c.normalized_y FROM events.clicks c
	WHERE c.session_id = $1 AND c.normalized_x IS NOT NULL AND c.normalized_y IS NOT NULL
		AND ($2 IS NULL OR CASE $3 WHEN 'is' THEN c.path = $2 WHEN 'startsWith' THEN starts_with(lower(c.path), lower($2))
			WHEN 'contains' THEN position(lower($2) IN lower(c.path)) > 0 WHEN 'endsWith' THEN right(lower(c.path), length(lower($2))) = lower($2) END)
	ORDER BY c."timestamp", c.message_id
$$;
COMMENT ON FUNCTION openreplay.session_heatmap(bigint, text, text) IS
	'Where pages were clicked in a session, in percent of the document; of the pages whose path is, startsWith, contains or endsWith url, which does not ask for case unless it is is. No url: of all pages.';

CREATE FUNCTION openreplay.session_clickmap(session_id bigint, url text DEFAULT NULL) RETURNS TABLE (selector text, count bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.selector, count(*) FROM events.clicks c WHERE c.session_id = $1 AND c.selector <> '' AND ($2 IS NULL OR c.path = $2) GROUP BY 1 ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION openreplay.session_clickmap(bigint, text) IS 'Which elements were clicked in a session, on the page with that path, and how often.';

-- ---- predefined cards ----

CREATE FUNCTION openreplay.card_points(project_id integer, card jsonb) RETURNS TABLE ("timestamp" bigint, value float8)
LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_points';
COMMENT ON FUNCTION openreplay.card_points(integer, jsonb) IS
	'The course of a card that is one figure, such as {"metricType": "webVitals", "metricOf": "avgPageLoadTime"}: milliseconds where it is a time, bytes where it is memory. Buckets without anything have 0.';

CREATE FUNCTION openreplay.card_value(project_id integer, card jsonb, OUT value float8, OUT previous float8, OUT progress float8, OUT unit text) RETURNS SETOF record
LANGUAGE c STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_card_value';
COMMENT ON FUNCTION openreplay.card_value(integer, jsonb) IS
	'The figure of such a card and that of the equally long period before; progress: by how many percent of the present figure it fell. previous and progress are null for figures that the web frontend does not compare.';

-- ---- web vitals ----

CREATE FUNCTION openreplay.gather_vitals(state internal, dom_building_time integer, ttfb integer, speed_index integer, first_contentful_paint_time integer, web_vitals text) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_gather_vitals';
CREATE FUNCTION openreplay.join_vitals(state internal, other internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_join_vitals';
CREATE FUNCTION openreplay.pack_vitals(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_pack_vitals';
CREATE FUNCTION openreplay.unpack_vitals(packed bytea, state internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_unpack_vitals';
CREATE FUNCTION openreplay.vital_figures(state internal) RETURNS float8[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'openreplay_vital_figures';
COMMENT ON FUNCTION openreplay.gather_vitals(internal, integer, integer, integer, integer, text) IS 'Of the aggregate openreplay.vitals(): one page more.';
COMMENT ON FUNCTION openreplay.join_vitals(internal, internal) IS 'Of the aggregate openreplay.vitals(): what another process gathered.';
COMMENT ON FUNCTION openreplay.pack_vitals(internal) IS 'Of the aggregate openreplay.vitals(): for another process.';
COMMENT ON FUNCTION openreplay.unpack_vitals(bytea, internal) IS 'Of the aggregate openreplay.vitals(): from another process.';
COMMENT ON FUNCTION openreplay.vital_figures(internal) IS 'Of the aggregate openreplay.vitals(): its result.';
CREATE AGGREGATE openreplay.vitals(dom_building_time integer, ttfb integer, speed_index integer, first_contentful_paint_time integer, web_vitals text) (
	SFUNC = openreplay.gather_vitals, STYPE = internal, SSPACE = 3000000, COMBINEFUNC = openreplay.join_vitals, SERIALFUNC = openreplay.pack_vitals,
	DESERIALFUNC = openreplay.unpack_vitals, FINALFUNC = openreplay.vital_figures, PARALLEL = SAFE
);
COMMENT ON AGGREGATE openreplay.vitals(integer, integer, integer, integer, text) IS
	'How the web vitals of pages are distributed: an array for each of DOM building time, time to first byte, speed index, first contentful paint, largest contentful paint, layout shift in hundredths, interaction to next paint, of the number of pages that have it, minimum, mean, maximum, and the percentiles 50, 75 and 90. '
	'Percentiles are exact for whole numbers up to 8191 and else within a thousandth.';

CREATE FUNCTION openreplay.web_vitals(project_id integer, card jsonb)
RETURNS TABLE (metric text, pages bigint, min float8, avg float8, max float8, p50 float8, p75 float8, p90 float8, status text)
LANGUAGE c STABLE ROWS 7 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_web_vitals';
COMMENT ON FUNCTION openreplay.web_vitals(integer, jsonb) IS
	'The rows of a card {"metricType": "webVital", "metricOf": "webVitalUrl"}: web vitals of the pages of the first series'' sessions, milliseconds, cls in hundredths. status: how the 75th percentile is rated, good, medium or bad; null: no page has it.';

-- ---- users that come back ----

/*
 * A user is a user_id; visits without one are nobody's. What a user did is the sessions, longer than nothing, that the first
 * series finds: all of them, or with an event those with its use, which makes of each of these functions one about a feature.
 */
CREATE FUNCTION openreplay.retention(project_id integer, card jsonb)
RETURNS TABLE (first_week bigint, week integer, users bigint, share float8)
LANGUAGE c STABLE ROWS 55 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_retention';
COMMENT ON FUNCTION openreplay.retention(integer, jsonb) IS
	'Users by the week, of UTC and from Monday, in which they were first seen, for ten weeks from that of the card''s startTimestamp: how many of them were there so many weeks later, and that in percent. Whoever was seen before is not counted. The card is {"metricType": "retention", "metricOf": "userCount" or "acquisition"}; first_week 0 is the former''s chart.';

CREATE FUNCTION openreplay.stickiness(project_id integer, card jsonb)
RETURNS TABLE (days bigint, users bigint, share float8)
LANGUAGE c STABLE ROWS 30 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_stickiness';
COMMENT ON FUNCTION openreplay.stickiness(integer, jsonb) IS
	'On how many days, of UTC, users were active in the card''s range, and that in percent of all its users: {"metricType": "stickiness", "metricOf": "userCount"}.';

CREATE FUNCTION openreplay.users_active(project_id integer, card jsonb)
RETURNS TABLE ("timestamp" bigint, users bigint)
LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_users_active';
COMMENT ON FUNCTION openreplay.users_active(integer, jsonb) IS
	'How many users there were on each day of UTC, or each week from Monday with {"granularity": "week"} in the card; the card is {"metricType": "stickiness", "metricOf": "userCount"}.';

CREATE FUNCTION openreplay.users_slipping(project_id integer, card jsonb)
RETURNS TABLE (user_id text, last_ts bigint, sessions bigint)
LANGUAGE c STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_users_slipping';
COMMENT ON FUNCTION openreplay.users_slipping(integer, jsonb) IS
	'Users of the card''s range whose last session there began more than seven days before its end, the last one first; limit and page are the card''s.';

CREATE FUNCTION openreplay.feature_usage(project_id integer, card jsonb)
RETURNS TABLE (value text, users bigint, popularity float8, uses bigint, frequency float8, intensity float8)
LANGUAGE c STABLE ROWS 7 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_feature_usage';
COMMENT ON FUNCTION openreplay.feature_usage(integer, jsonb) IS
	'The seven features that are used most: values of the events that the first series begins with, clicks if it has none. popularity: percent of the users that use any; frequency: percent of all uses; intensity: uses in a session that has any.';

CREATE FUNCTION openreplay.feature_adoption(project_id integer, card jsonb)
RETURNS TABLE (users bigint, all_users bigint, adoption float8)
LANGUAGE c STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_feature_adoption';
COMMENT ON FUNCTION openreplay.feature_adoption(integer, jsonb) IS
	'How many of the users of the card''s range have a session that the first series finds, and that in percent.';

CREATE FUNCTION openreplay.feature_users(project_id integer, card jsonb)
RETURNS TABLE (user_id text, uses bigint, sessions bigint)
LANGUAGE c STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_feature_users';
COMMENT ON FUNCTION openreplay.feature_users(integer, jsonb) IS
	'The ten users with the most events that the first series asks for; with the most sessions, if it asks for none.';

-- ---- what goes wrong ----

CREATE FUNCTION openreplay.insights(project_id integer, card jsonb)
RETURNS TABLE (category text, name text, value bigint, old_value bigint, ratio float8, change float8)
LANGUAGE c STABLE ROWS 40 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_insights';
COMMENT ON FUNCTION openreplay.insights(integer, jsonb) IS
	'What goes wrong most in the card''s range, ten names a category: errors by name and message, failed requests by host (network), click rages by what is clicked (rage), slow or missing files, memory and processor by kind (resources). ratio: percent of the category; change: percent against the equally long period before, null for what is new. The card is {"metricType": "insights", "metricOf": "issueCategories", "metricValue": categories}.';

-- ---- saved cards ----

CREATE FUNCTION openreplay.check_card(project_id integer, card jsonb) RETURNS jsonb
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'openreplay_check_card';
COMMENT ON FUNCTION openreplay.check_card(integer, jsonb) IS
	'What a card is understood to be, its range apart: generation, metricType, metricOf, viewType, metricFormat, metricValue, and seriesCount, how many of its series are looked at. Raises invalid_parameter_value, with a hint that lists what is allowed, unless openreplay.try_card() takes it.';

CREATE FUNCTION openreplay.stored_filter(filter jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT '{"eventsOrder": "then"}' || coalesce(jsonb_object_agg(CASE WHEN key LIKE '%\_%' THEN openreplay.camel_case(key) ELSE key END, value), '{}')
	FROM jsonb_each(openreplay.flat_filter(CASE jsonb_typeof($1) WHEN 'object' THEN $1 WHEN 'array' THEN jsonb_build_object('filters', $1) ELSE '{"filters": []}' END))
	WHERE value <> 'null' AND openreplay.camel_case(key) NOT IN ('starttimestamp', 'endtimestamp', 'startdate', 'enddate', 'startTimestamp', 'endTimestamp', 'startDate', 'endDate')
$$;
COMMENT ON FUNCTION openreplay.stored_filter(jsonb) IS
	'The filter of a series, in whichever shape it was stored, as clients read it: events and filters in one list, names in camelCase, without a time range, which is the card''s.';

CREATE FUNCTION openreplay.json_time(at timestamp, generation integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(CASE WHEN generation = 2 THEN to_jsonb(to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ELSE to_jsonb((extract(epoch FROM at) * 1000)::bigint) END, 'null')
$$;
COMMENT ON FUNCTION openreplay.json_time(timestamp, integer) IS 'A UTC time as the web frontend of a generation reads it: milliseconds since 1970, or for the second RFC 3339.';

CREATE FUNCTION openreplay.card_options(card jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_object_agg(key, value) FROM jsonb_each($1)
	WHERE key IN ('generation', 'filters', 'startPoint', 'startType', 'excludes', 'hideExcess', 'rows', 'stepsBefore', 'stepsAfter', 'breakdowns', 'sampleRate', 'includeClickRage')
		AND value NOT IN ('null', '[]') AND (key <> 'filters' OR jsonb_typeof(value) = 'array')
$$;
COMMENT ON FUNCTION openreplay.card_options(jsonb) IS 'The options of a card that have no column of their own: what public.metrics.card_info keeps of it.';

CREATE FUNCTION openreplay.card_size(config jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT '{"col": 2, "row": 2, "position": 0}' || coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(CASE jsonb_typeof($1) WHEN 'object' THEN $1 ELSE '{}' END)
	WHERE key IN ('col', 'row', 'position') AND value <> 'null'
$$;
COMMENT ON FUNCTION openreplay.card_size(jsonb) IS 'Size and place of a card, with what a client leaves out.';

CREATE FUNCTION openreplay.check_card_form(card jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	config jsonb := coalesce(card -> 'config', card -> 'defaultConfig', '{}');
	member record;
BEGIN
	IF length(trim(coalesce(card ->> 'name', ''))) NOT BETWEEN 1 AND 200 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a card needs a name', HINT = 'It has from 1 to 200 characters.';
	ELSIF length(card ->> 'thumbnail') > 500000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the thumbnail of a card is too large', HINT = 'It has at most 500000 characters.';
	ELSIF card ->> 'thumbnail' !~ '^(data:image/[a-z.+-]+[;,]|https?://)' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the thumbnail of a card is no image', HINT = 'It is data:image/png;base64,... or the URL of an image.';
	ELSIF length(card::text) > 1000000 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the card is too large', HINT = 'It has at most 1000000 characters.';
	ELSIF card ? 'isPublic' AND jsonb_typeof(card -> 'isPublic') NOT IN ('boolean', 'null') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'isPublic of a card is true or false';
	ELSIF card ->> 'sessionId' !~ '^[0-9]{1,19}$' OR (card ->> 'sessionId')::numeric > 9223372036854775807 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('sessionId cannot be "%s"', left(card ->> 'sessionId', 60)), HINT = 'It is the id of a session.';
	ELSIF jsonb_typeof(config) NOT IN ('object', 'null') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'config of a card is no object', HINT = 'It is {"col": 2, "row": 2, "position": 0}.';
	END IF;
	FOR member IN SELECT c.key, c.value FROM jsonb_each(openreplay.card_size(nullif(config, 'null'))) c WHERE c.value::text !~ '^[0-9]{1,4}$'
	LOOP
		RAISE invalid_parameter_value USING MESSAGE = format('%s of a card cannot be %s', member.key, left(member.value::text, 60)), HINT = 'It is a whole number from 0 to 9999.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.check_card_form(jsonb) IS
	'Raises invalid_parameter_value unless what a card is beside its question can be stored: name, thumbnail (an image, at most 500,000 characters), config, sessionId.';

CREATE FUNCTION openreplay.save_series(metric_id integer, series jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	item record;
	id integer;
	kept integer[] := '{}';
BEGIN
	FOR item IN SELECT s.ordinality::integer - 1 AS index, nullif(s.value ->> 'name', '') AS name, openreplay.stored_filter(s.value -> 'filter') AS filter, openreplay.number_of(s.value, 'seriesId') AS series_id
		FROM jsonb_array_elements($2) WITH ORDINALITY AS s
	LOOP
		UPDATE public.metric_series m SET index = item.index, name = item.name, filter = item.filter, deleted_at = NULL
		WHERE m.metric_id = $1 AND m.series_id = item.series_id AND m.series_id <> ALL (kept) RETURNING m.series_id INTO id;
		IF id IS NULL THEN
			INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES ($1, item.index, item.name, item.filter) RETURNING metric_series.series_id INTO id;
		END IF;
		kept := kept || id;
	END LOOP;
	DELETE FROM public.metric_series m WHERE m.metric_id = $1 AND m.series_id <> ALL (kept);
END
$$;
COMMENT ON FUNCTION openreplay.save_series(integer, jsonb) IS
	'Gives a card its series: those named by seriesId keep their ids, as alerts need it, others are new, and what is not mentioned is deleted.';

CREATE FUNCTION openreplay.save_card(project_id integer, user_id integer, card jsonb, metric_id integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := $4;
	known jsonb := openreplay.check_card($1, $3);
	place jsonb := openreplay.card_size(nullif(coalesce($3 -> 'config', $3 -> 'defaultConfig'), 'null'));
	options jsonb := openreplay.card_options($3);
	session jsonb := CASE WHEN known ->> 'metricType' = 'heatMap' THEN jsonb_build_object('sessionId', CASE WHEN $3 ->> 'sessionId' ~ '^[0-9]{1,19}$' THEN ($3 ->> 'sessionId')::numeric END) END;
BEGIN
	IF known IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a card needs a project and a definition';
	END IF;
	PERFORM openreplay.check_card_form($3);
	IF id IS NULL THEN
		INSERT INTO public.metrics (project_id, user_id, name, is_public, metric_type, metric_of, view_type, metric_format, metric_value, thumbnail, default_config, data, card_info)
		VALUES ($1, $2, trim($3 ->> 'name'), coalesce(($3 ->> 'isPublic')::boolean, true), known ->> 'metricType', known ->> 'metricOf', known ->> 'viewType', known ->> 'metricFormat',
			ARRAY(SELECT jsonb_array_elements_text(known -> 'metricValue')), $3 ->> 'thumbnail', place, session, options)
		RETURNING metrics.metric_id INTO id;
	ELSE
		UPDATE public.metrics m
		SET name = trim($3 ->> 'name'), is_public = coalesce(($3 ->> 'isPublic')::boolean, m.is_public), metric_type = known ->> 'metricType', metric_of = known ->> 'metricOf',
			view_type = known ->> 'viewType', metric_format = known ->> 'metricFormat', metric_value = ARRAY(SELECT jsonb_array_elements_text(known -> 'metricValue')),
			thumbnail = CASE WHEN $3 ? 'thumbnail' THEN $3 ->> 'thumbnail' ELSE m.thumbnail END, default_config = CASE WHEN $3 ?| '{config,defaultConfig}' THEN place ELSE m.default_config END,
			data = CASE WHEN session ->> 'sessionId' IS NULL AND m.metric_type = known ->> 'metricType' THEN m.data ELSE session END, card_info = options, edited_at = timezone('utc', now())
		WHERE m.metric_id = id AND m.project_id = $1 AND m.deleted_at IS NULL AND (m.is_public OR m.user_id = $2);
		IF NOT FOUND THEN
			RAISE no_data_found USING MESSAGE = 'card not found', DETAIL = format('User %s has no card %s in project %s.', $2, id, $1);
		END IF;
	END IF;
	PERFORM openreplay.save_series(id, (SELECT coalesce(jsonb_agg(s.value ORDER BY s.ordinality), '[]') FROM jsonb_array_elements(CASE jsonb_typeof($3 -> 'series') WHEN 'array' THEN $3 -> 'series' ELSE '[]' END) WITH ORDINALITY AS s
		WHERE s.ordinality <= (known ->> 'seriesCount')::integer));
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_card(integer, integer, jsonb, integer) IS
	'Saves a card, or with an id replaces one of one''s own or a public one, and returns the id: what openreplay.try_card() takes, and name, isPublic (true by default), config {"col", "row", "position"}, thumbnail, for a heat map sessionId. The time range is not kept. '
	'Series that are named by their seriesId keep it. What an update leaves out of isPublic, config, thumbnail and sessionId stays. Raises invalid_parameter_value for a card that cannot be used, no_data_found.';

CREATE FUNCTION openreplay.delete_card(metric_id integer, user_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE public.metrics m SET deleted_at = timezone('utc', now()) WHERE m.metric_id = $1 AND m.project_id IS NOT NULL AND m.deleted_at IS NULL AND (m.is_public OR m.user_id = $2);
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'card not found', DETAIL = format('User %s has no card %s.', $2, $1);
	END IF;
	-- nothing watches them any more
	UPDATE public.metric_series s SET deleted_at = timezone('utc', now()) WHERE s.metric_id = $1 AND s.deleted_at IS NULL;
END
$$;
COMMENT ON FUNCTION openreplay.delete_card(integer, integer) IS 'Deletes a saved card, one''s own or a public one. Dashboards cease to show it, and alerts to watch its series. Raises no_data_found.';

CREATE FUNCTION openreplay.series_of_card(metric_id integer, with_filters boolean) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('seriesId', s.series_id, 'metricId', s.metric_id, 'index', s.index, 'name', s.name, 'createdAt', s.created_at, 'deletedAt', s.deleted_at)
		|| CASE WHEN $2 THEN jsonb_build_object('filter', openreplay.stored_filter(s.filter)) ELSE '{}' END ORDER BY s.index, s.series_id), '[]')
	FROM public.metric_series s WHERE s.metric_id = $1 AND s.deleted_at IS NULL
$$;
COMMENT ON FUNCTION openreplay.series_of_card(integer, boolean) IS 'The series of a saved card as JSON, with or without their filters.';

CREATE FUNCTION openreplay.describe_card(metric_id integer, viewer_id integer, generation integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN m.metric_type = 'pathAnalysis' THEN '{"startType": "start", "startPoint": [], "excludes": [], "hideExcess": false}'::jsonb ELSE '{}' END
		|| coalesce(m.card_info, '{}')
		|| jsonb_build_object('metricId', m.metric_id, 'projectId', m.project_id, 'userId', m.user_id, 'name', m.name, 'isPublic', m.is_public, 'createdAt', openreplay.json_time(m.created_at, $3),
			'editedAt', openreplay.json_time(m.edited_at, $3), 'deletedAt', NULL, 'metricType', m.metric_type, 'viewType', m.view_type, 'metricOf', m.metric_of, 'metricValue', m.metric_value,
			'metricFormat', m.metric_format, 'isPinned', m.is_pinned, 'defaultConfig', m.default_config, 'config', m.default_config, 'cardInfo', m.card_info, 'ownerEmail', u.email,
			'dashboards', (SELECT coalesce(jsonb_agg(jsonb_build_object('dashboardId', d.dashboard_id, 'name', d.name, 'isPublic', d.is_public) ORDER BY d.dashboard_id), '[]')
				FROM public.dashboards d WHERE d.deleted_at IS NULL AND (d.is_public OR d.user_id = $2)
					AND EXISTS (SELECT FROM public.dashboard_widgets w WHERE w.dashboard_id = d.dashboard_id AND w.metric_id = m.metric_id)))
		|| CASE WHEN m.data ->> 'sessionId' IS NULL THEN '{}' ELSE jsonb_build_object('sessionId', m.data ->> 'sessionId') END
	FROM public.metrics m LEFT JOIN public.users u ON u.user_id = m.user_id
	WHERE m.metric_id = $1
$$;
COMMENT ON FUNCTION openreplay.describe_card(integer, integer, integer) IS 'A row of public.metrics as the web frontend''s JSON, with the dashboards that the viewer may see it on; without series.';

CREATE FUNCTION openreplay.is_visible_card(metric_id integer, viewer_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT FROM public.metrics m WHERE m.metric_id = $1 AND m.deleted_at IS NULL AND (m.is_public OR m.user_id = $2))
$$;
COMMENT ON FUNCTION openreplay.is_visible_card(integer, integer) IS 'Whether a saved card is there, and is the viewer''s own or public.';

CREATE FUNCTION openreplay.require_card(metric_id integer, viewer_id integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT openreplay.is_visible_card($1, $2) THEN
		RAISE no_data_found USING MESSAGE = 'card not found', DETAIL = format('There is no card %s that %s may see.', $1, coalesce('user ' || $2, 'everybody'));
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.require_card(integer, integer) IS 'Raises no_data_found unless openreplay.is_visible_card().';

CREATE FUNCTION openreplay.saved_card(metric_id integer, viewer_id integer DEFAULT NULL, generation integer DEFAULT 1) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.require_card($1, $2);
	RETURN openreplay.describe_card($1, $2, $3) || jsonb_build_object('series', openreplay.series_of_card($1, true));
END
$$;
COMMENT ON FUNCTION openreplay.saved_card(integer, integer, integer) IS
	'A saved card as the web frontend''s JSON, with its series; times as its generation has them. viewer_id: who asks; his own cards and public ones are there, for nobody the public ones. Raises no_data_found.';

CREATE FUNCTION openreplay.cards(project_id integer, viewer_id integer DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS TABLE (metric_id integer, name text, metric_type text, metric_of text, view_type text, metric_format text, metric_value text[], user_id integer, owner_email text, owner_name text,
	is_public boolean, created_at timestamp, edited_at timestamp, total bigint)
LANGUAGE plpgsql STABLE ROWS 200 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	sort text := lower(replace(coalesce(options ->> 'sortField', 'createdAt'), '_', ''));
	upward boolean := upper(coalesce(options ->> 'sortOrder', options ->> 'order', 'DESC')) = 'ASC';
	pattern text := '%' || regexp_replace(coalesce(options ->> 'query', options ->> 'name', ''), '([\\%_])', '\\\1', 'g') || '%';
	boards jsonb := coalesce(options -> 'dashboardIds', options -> 'dashboard_ids');
	kind text := nullif(options ->> 'metricType', '');
	most bigint := least(greatest(coalesce(openreplay.number_of(options, 'limit'), 200), 1), 200);
	page bigint := least(greatest(coalesce(openreplay.number_of(options, 'page'), 1), 1), 1000000);
BEGIN
	IF sort NOT IN ('name', 'createdat', 'editedat', 'owneremail', 'metrictype') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('cards cannot be sorted by "%s"', left(options ->> 'sortField', 60)), HINT = 'It is name, createdAt, editedAt, ownerEmail or metricType.';
	END IF;
	RETURN QUERY
	SELECT c.metric_id, c.name, c.metric_type, c.metric_of, c.view_type, c.metric_format, c.metric_value, c.user_id, c.email, c.owner, c.is_public, c.created_at, c.edited_at, count(*) OVER ()
	FROM (SELECT m.*, u.email, u.name AS owner,
			CASE sort WHEN 'name' THEN lower(m.name) WHEN 'owneremail' THEN coalesce(u.email, '') WHEN 'metrictype' THEN m.metric_type
				ELSE to_char(CASE sort WHEN 'editedat' THEN m.edited_at ELSE m.created_at END, 'YYYYMMDDHH24MISSUS') END AS key
		FROM public.metrics m LEFT JOIN public.users u ON u.user_id = m.user_id) AS c
	WHERE c.project_id = $1 AND c.deleted_at IS NULL AND (c.user_id = $2 OR (c.is_public AND NOT options @> '{"mineOnly": true}')) AND (c.is_public OR NOT options @> '{"sharedOnly": true}')
		AND (pattern = '%%' OR c.name ILIKE pattern OR (options ? 'query' AND c.email ILIKE pattern))
		AND CASE kind WHEN 'monitors' THEN c.metric_type IN ('table', 'webVital') AND c.metric_of IN ('jsException', 'errors', 'issues')
			WHEN 'web_analytics' THEN c.metric_type = 'table' AND c.metric_of NOT IN ('webVitalUrl', 'jsException', 'REQUEST') ELSE kind IS NULL OR c.metric_type = kind END
		AND (coalesce(boards, 'null') IN ('null', '[]') OR EXISTS (SELECT FROM public.dashboard_widgets w
			WHERE w.metric_id = c.metric_id AND w.dashboard_id::text IN (SELECT b #>> '{}' FROM jsonb_array_elements(CASE jsonb_typeof(boards) WHEN 'array' THEN boards ELSE jsonb_build_array(boards) END) b)))
	ORDER BY CASE WHEN upward THEN c.key END COLLATE "C", CASE WHEN NOT upward THEN c.key END COLLATE "C" DESC, CASE WHEN upward THEN c.metric_id ELSE -c.metric_id END
	LIMIT most OFFSET (page - 1) * most;
END
$$;
COMMENT ON FUNCTION openreplay.cards(integer, integer, jsonb) IS
	'Saved cards of a project that a user may use, his own and public ones, newest first: options are query (part of the name or of the owner''s address), name (part of it), metricType (also monitors, web_analytics), dashboardIds, mineOnly, sharedOnly, '
	'sortField (name, createdAt, editedAt, ownerEmail, metricType), sortOrder, limit (up to 200), page. total: cards on all pages.';

CREATE FUNCTION openreplay.card_list(project_id integer, viewer_id integer DEFAULT NULL, options jsonb DEFAULT '{}', generation integer DEFAULT 1) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	WITH page AS (
		SELECT coalesce(jsonb_agg(openreplay.describe_card(c.metric_id, $2, $4) || jsonb_build_object('ownerName', c.owner_name, 'thumbnail', (SELECT m.thumbnail FROM public.metrics m WHERE m.metric_id = c.metric_id)) ORDER BY c.ordinality), '[]') AS list,
			max(c.total) AS total
		FROM openreplay.cards($1, $2, CASE WHEN $4 = 2 THEN '{"limit": 10}' ELSE '{}'::jsonb END || $3) WITH ORDINALITY AS c
	)
	SELECT CASE WHEN $4 = 2 THEN jsonb_build_object('list', p.list, 'total', coalesce(p.total, (SELECT max(c.total) FROM openreplay.cards($1, $2, $3 || '{"page": 1}') c), 0)) ELSE p.list END
	FROM page p
$$;
COMMENT ON FUNCTION openreplay.card_list(integer, integer, jsonb, integer) IS
	'openreplay.cards() as the JSON of the web frontend''s list; of the second generation an object {"list", "total"} and 10 cards a page by default.';

CREATE FUNCTION openreplay.stored_card(metric_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	card jsonb;
BEGIN
	PERFORM openreplay.require_card($1, $3);
	SELECT coalesce(m.card_info, '{}') || jsonb_build_object('metricId', m.metric_id, 'projectId', coalesce(m.project_id::bigint, openreplay.number_of(range, 'projectId')), 'name', m.name, 'metricType', m.metric_type, 'metricOf', m.metric_of,
			'viewType', m.view_type, 'metricFormat', m.metric_format, 'metricValue', m.metric_value, 'sessionId', m.data -> 'sessionId', 'series', openreplay.series_of_card(m.metric_id, true))
		|| coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(range)
			WHERE key IN ('startTimestamp', 'endTimestamp', 'startDate', 'endDate', 'density', 'limit', 'page', 'generation', 'sortBy', 'sortOrder') AND value <> 'null'), '{}')
	INTO card FROM public.metrics m WHERE m.metric_id = $1;
	IF jsonb_typeof(range -> 'filters') = 'array' THEN
		card := card || jsonb_build_object('filters', openreplay.merge_filters(jsonb_build_object('filters', coalesce(card -> 'filters', '[]')), range -> 'filters') -> 'filters');
	END IF;
	IF card ->> 'projectId' IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'card not found', DETAIL = format('Card %s is of no project.', $1), HINT = 'It can be asked for with a projectId in the range.';
	END IF;
	-- the second generation's pages have room for so many
	IF card ->> 'metricType' = 'pathAnalysis' AND openreplay.check_card((card ->> 'projectId')::integer, card) @> '{"generation": 2}' THEN
		card := card || '{"rows": 5, "hideExcess": true}';
	END IF;
	RETURN card;
END
$$;
COMMENT ON FUNCTION openreplay.stored_card(integer, jsonb, integer) IS
	'A saved card as openreplay.try_card() takes it, with the range, density, page and further filters of whoever asks. Raises no_data_found for a card that is not there or that the viewer may not see.';

CREATE FUNCTION openreplay.card(metric_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.try_card((card ->> 'projectId')::integer, card, $3) FROM openreplay.stored_card($1, coalesce($2, '{}'), $3) AS card
$$;
COMMENT ON FUNCTION openreplay.card(integer, jsonb, integer) IS
	'The chart of a saved card: range has startTimestamp and endTimestamp (milliseconds; the last 7 days by default), density, limit, page, sortBy, sortOrder, and filters that are added to every series. viewer_id: whose own cards can be asked for beside public ones. Raises no_data_found, invalid_parameter_value.';

-- ---- what is behind a saved card ----

CREATE FUNCTION openreplay.saved_card_sessions(metric_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.card_sessions((card ->> 'projectId')::integer, card || CASE jsonb_typeof($2 -> 'series') WHEN 'array' THEN jsonb_build_object('series', $2 -> 'series') ELSE '{}' END, $3)
	FROM openreplay.stored_card($1, coalesce($2, '{}'), $3) AS card
$$;
COMMENT ON FUNCTION openreplay.saved_card_sessions(integer, jsonb, integer) IS
	'openreplay.card_sessions() of a saved card: for each series a page of its sessions. range: as for openreplay.card(); series in it are used instead of those that were saved. Raises no_data_found.';

CREATE FUNCTION openreplay.saved_card_issues(metric_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.card_issues((card ->> 'projectId')::integer, card) FROM openreplay.stored_card($1, coalesce($2, '{}'), $3) AS card
$$;
COMMENT ON FUNCTION openreplay.saved_card_issues(integer, jsonb, integer) IS
	'openreplay.card_issues() of a saved funnel or journey: seriesId, seriesName and the issues. range: as for openreplay.card(). Raises no_data_found.';

CREATE FUNCTION openreplay.saved_card_issue_sessions(metric_id integer, issue_id text, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.card_issue_sessions((card ->> 'projectId')::integer, card, $2, $4) FROM openreplay.stored_card($1, coalesce($3, '{}'), $4) AS card
$$;
COMMENT ON FUNCTION openreplay.saved_card_issue_sessions(integer, text, jsonb, integer) IS
	'openreplay.card_issue_sessions() of a saved card: seriesId, seriesName, the issue and a page of the sessions that had it. range: as for openreplay.card(). Raises no_data_found.';

CREATE FUNCTION openreplay.saved_card_errors(metric_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.card_errors((card ->> 'projectId')::integer, card, $3) FROM openreplay.stored_card($1, coalesce($2, '{}'), $3) AS card
$$;
COMMENT ON FUNCTION openreplay.saved_card_errors(integer, jsonb, integer) IS
	'openreplay.card_errors() of a saved card: seriesId, seriesName and a page of the errors of its first series. range: as for openreplay.card(). Raises no_data_found.';

-- ---- dashboards ----

CREATE FUNCTION openreplay.require_dashboard(dashboard_id integer, user_id integer, owner_only boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	project integer;
	own boolean;
BEGIN
	SELECT d.project_id, coalesce(d.user_id = $2, false) INTO project, own FROM public.dashboards d
	WHERE d.dashboard_id = $1 AND d.deleted_at IS NULL AND (d.is_public OR d.user_id = $2);
	IF project IS NULL THEN
		RAISE no_data_found USING MESSAGE = 'dashboard not found', DETAIL = format('There is no dashboard %s that %s may see.', $1, coalesce('user ' || $2, 'everybody'));
	ELSIF $3 AND NOT own THEN
		RAISE insufficient_privilege USING MESSAGE = 'the dashboard is somebody else''s', DETAIL = format('User %s is not the owner of dashboard %s.', $2, $1);
	END IF;
	RETURN project;
END
$$;
COMMENT ON FUNCTION openreplay.require_dashboard(integer, integer, boolean) IS
	'The project of a dashboard that is a user''s own or public. Raises no_data_found, or insufficient_privilege where only the owner may.';

CREATE FUNCTION openreplay.pin_dashboard(dashboard_id integer, user_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	project integer := openreplay.require_dashboard($1, $2);
BEGIN
	-- two at a time would leave two pinned
	PERFORM FROM public.projects p WHERE p.project_id = project FOR NO KEY UPDATE;
	UPDATE public.dashboards d SET is_pinned = d.dashboard_id = $1 WHERE d.project_id = project AND d.is_pinned <> (d.dashboard_id = $1);
END
$$;
COMMENT ON FUNCTION openreplay.pin_dashboard(integer, integer) IS 'Pins a dashboard, the one of its project that is shown first, in place of the one before. Raises no_data_found.';

CREATE FUNCTION openreplay.check_widget_config(config jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF jsonb_typeof($1) IS DISTINCT FROM 'object' OR length($1::text) > 10000 OR ($1 ->> 'position') !~ '^[0-9]{1,4}$' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'that cannot be the config of a widget', HINT = 'It is {"position": 0}.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.check_widget_config(jsonb) IS 'Raises invalid_parameter_value unless a widget can have it as its config.';

CREATE FUNCTION openreplay.add_cards(dashboard_id integer, user_id integer, metric_ids integer[], config jsonb DEFAULT '{}', generation integer DEFAULT 1) RETURNS SETOF integer
LANGUAGE plpgsql ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	project integer := openreplay.require_dashboard($1, $2);
	missing integer;
BEGIN
	PERFORM openreplay.check_widget_config(coalesce($4, '{}'));
	IF cardinality($3) > 200 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'these are too many cards', HINT = 'At most 200 can be added at once.';
	END IF;
	SELECT c.id INTO missing FROM unnest($3) AS c (id)
	WHERE NOT EXISTS (SELECT FROM public.metrics m WHERE m.metric_id = c.id AND (m.project_id = project OR m.project_id IS NULL) AND openreplay.is_visible_card(m.metric_id, $2)) LIMIT 1;
	IF FOUND THEN
		RAISE no_data_found USING MESSAGE = 'card not found', DETAIL = format('User %s has no card %s in project %s.', $2, missing, project);
	END IF;
	PERFORM FROM public.dashboards d WHERE d.dashboard_id = $1 FOR NO KEY UPDATE;
	RETURN QUERY
	INSERT INTO public.dashboard_widgets (dashboard_id, metric_id, user_id, config)
	SELECT $1, m.metric_id, $2, m.default_config || jsonb_build_object('position', p.next + row_number() OVER (ORDER BY c.ordinality) - 1) || coalesce($4, '{}')
	FROM unnest($3) WITH ORDINALITY AS c (id, ordinality) JOIN public.metrics m ON m.metric_id = c.id,
		(SELECT greatest(count(*), max(openreplay.number_of(w.config, 'position')) + 1) AS next FROM public.dashboard_widgets w WHERE w.dashboard_id = $1) AS p
	WHERE $5 <> 2 OR (NOT EXISTS (SELECT FROM public.dashboard_widgets w WHERE w.dashboard_id = $1 AND w.metric_id = c.id) AND NOT c.id = ANY ($3[:c.ordinality - 1]))
	ORDER BY c.ordinality
	RETURNING widget_id;
END
$$;
COMMENT ON FUNCTION openreplay.add_cards(integer, integer, integer[], jsonb, integer) IS
	'Puts cards on a dashboard, behind those that are there, and returns the ids of the new widgets. generation 2 leaves out cards that are there already. config overrides what the cards themselves say of their place. Raises no_data_found, invalid_parameter_value.';

CREATE FUNCTION openreplay.save_dashboard(project_id integer, user_id integer, dashboard jsonb, dashboard_id integer DEFAULT NULL, generation integer DEFAULT 1) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer := $4;
	title text := trim(coalesce($3 ->> 'name', ''));
	least_length integer := CASE WHEN $5 = 2 THEN 3 ELSE 1 END;
	metrics jsonb := CASE WHEN $5 = 2 THEN '[]' ELSE coalesce(nullif($3 -> 'metrics', 'null'), '[]') END;
BEGIN
	IF jsonb_typeof($3) IS DISTINCT FROM 'object' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a dashboard is a JSON object', HINT = 'It is {"name": "Shop", "description": "", "isPublic": true, "isPinned": false, "metrics": [1, 2]}.';
	ELSIF length(title) NOT BETWEEN least_length AND 150 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a dashboard needs a name', HINT = format('It has from %s to 150 characters.', least_length);
	ELSIF length($3 ->> 'description') > 500 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the description of a dashboard is too long', HINT = 'It has at most 500 characters.';
	ELSIF coalesce(jsonb_typeof($3 -> 'isPublic'), 'null') NOT IN ('boolean', 'null') OR coalesce(jsonb_typeof($3 -> 'isPinned'), 'null') NOT IN ('boolean', 'null') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'isPublic and isPinned of a dashboard are true or false';
	ELSIF jsonb_typeof(metrics) <> 'array' OR jsonb_path_exists(metrics, 'strict $[*] ? (!(@.type() == "number" && @ > 0 && @ < 2147483648))') THEN
		RAISE invalid_parameter_value USING MESSAGE = 'metrics of a dashboard is no list of ids of cards';
	END IF;
	IF id IS NULL THEN
		INSERT INTO public.dashboards (project_id, user_id, name, description, is_public)
		VALUES ($1, $2, title, coalesce($3 ->> 'description', ''), coalesce(($3 ->> 'isPublic')::boolean, false)) RETURNING dashboards.dashboard_id INTO id;
	ELSE
		UPDATE public.dashboards d
		SET name = title, description = coalesce($3 ->> 'description', ''), is_public = coalesce(($3 ->> 'isPublic')::boolean, d.is_public), is_pinned = d.is_pinned AND coalesce(($3 ->> 'isPinned')::boolean, true)
		WHERE d.dashboard_id = id AND d.project_id = $1 AND d.deleted_at IS NULL AND (d.is_public OR d.user_id = $2);
		IF NOT FOUND THEN
			RAISE no_data_found USING MESSAGE = 'dashboard not found', DETAIL = format('User %s has no dashboard %s in project %s.', $2, id, $1);
		END IF;
	END IF;
	IF ($3 ->> 'isPinned')::boolean THEN
		PERFORM openreplay.pin_dashboard(id, $2);
	END IF;
	PERFORM openreplay.add_cards(id, $2, ARRAY(SELECT m::text::integer FROM jsonb_array_elements(metrics) WITH ORDINALITY AS x (m, n) ORDER BY n));
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.save_dashboard(integer, integer, jsonb, integer, integer) IS
	'Makes a dashboard, or with an id changes one of one''s own or a public one, and returns the id: name, description, isPublic (false by default), isPinned, metrics (ids of cards that are added; not by generation 2, whose names have 3 characters at least). '
	'What an update leaves out of isPublic and isPinned stays. Raises invalid_parameter_value, no_data_found.';

CREATE FUNCTION openreplay.delete_dashboard(dashboard_id integer, user_id integer, generation integer DEFAULT 1) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.require_dashboard($1, $2, $3 = 2);
	UPDATE public.dashboards d SET deleted_at = timezone('utc', now()), is_pinned = false WHERE d.dashboard_id = $1;
END
$$;
COMMENT ON FUNCTION openreplay.delete_dashboard(integer, integer, integer) IS
	'Deletes a dashboard, one''s own or a public one, or with generation 2 only one''s own; its cards stay. Raises no_data_found, insufficient_privilege.';

CREATE FUNCTION openreplay.update_widget(dashboard_id integer, widget_id integer, user_id integer, config jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.require_dashboard($1, $3);
	PERFORM openreplay.check_widget_config($4);
	UPDATE public.dashboard_widgets w SET config = $4 WHERE w.widget_id = $2 AND w.dashboard_id = $1;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'widget not found', DETAIL = format('Dashboard %s has no widget %s.', $1, $2);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.update_widget(integer, integer, integer, jsonb) IS 'Replaces the config of a widget, as when it is moved. Raises no_data_found, invalid_parameter_value.';

CREATE FUNCTION openreplay.delete_widget(dashboard_id integer, widget_id integer, user_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.require_dashboard($1, $3);
	DELETE FROM public.dashboard_widgets w WHERE w.widget_id = $2 AND w.dashboard_id = $1;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'widget not found', DETAIL = format('Dashboard %s has no widget %s.', $1, $2);
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.delete_widget(integer, integer, integer) IS 'Takes a card off a dashboard; the card stays. Raises no_data_found.';

CREATE FUNCTION openreplay.dashboards(project_id integer, viewer_id integer DEFAULT NULL)
RETURNS TABLE (dashboard_id integer, name text, description text, user_id integer, owner_email text, owner_name text, is_public boolean, is_pinned boolean, created_at timestamp, widgets bigint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
	SELECT d.dashboard_id, d.name, d.description, d.user_id, u.email, u.name, d.is_public, d.is_pinned, d.created_at,
		(SELECT count(*) FROM public.dashboard_widgets w WHERE w.dashboard_id = d.dashboard_id AND openreplay.is_visible_card(w.metric_id, $2))
	FROM public.dashboards d LEFT JOIN public.users u ON u.user_id = d.user_id
	WHERE d.project_id = $1 AND d.deleted_at IS NULL AND (d.is_public OR d.user_id = $2) ORDER BY d.dashboard_id
$$;
COMMENT ON FUNCTION openreplay.dashboards(integer, integer) IS 'Dashboards of a project that a user may see, his own and public ones, with the number of widgets on each.';

CREATE FUNCTION openreplay.dashboard_list(project_id integer, viewer_id integer DEFAULT NULL, generation integer DEFAULT 1) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(jsonb_agg(openreplay.camel_keys(to_jsonb(d) - 'widgets') || jsonb_build_object('projectId', $1, 'deletedAt', NULL)
		|| CASE WHEN $3 = 2 THEN jsonb_build_object('createdAt', openreplay.json_time(d.created_at, 2)) ELSE '{}' END ORDER BY d.dashboard_id), '[]')
	FROM openreplay.dashboards($1, $2) d
$$;
COMMENT ON FUNCTION openreplay.dashboard_list(integer, integer, integer) IS 'openreplay.dashboards() as the JSON of the web frontend''s list.';

CREATE FUNCTION openreplay.dashboard_widgets(dashboard_id integer, viewer_id integer DEFAULT NULL, generation integer DEFAULT 1) RETURNS SETOF jsonb
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.camel_keys(to_jsonb(w)) || jsonb_build_object('createdAt', openreplay.json_time(w.created_at, $3), 'config', w.config || jsonb_build_object('col', m.default_config -> 'col', 'row', m.default_config -> 'row'),
		'name', m.name, 'editedAt', openreplay.json_time(m.edited_at, $3), 'metricOf', m.metric_of, 'viewType', m.view_type, 'thumbnail', m.thumbnail, 'metricType', m.metric_type, 'metricFormat', m.metric_format,
		'metricValue', m.metric_value, 'series', openreplay.series_of_card(m.metric_id, $3 = 2))
	FROM public.dashboard_widgets w JOIN public.metrics m ON m.metric_id = w.metric_id
	WHERE w.dashboard_id = $1 AND openreplay.is_visible_card(m.metric_id, $2)
	ORDER BY openreplay.number_of(w.config, 'position') NULLS LAST, w.widget_id
$$;
COMMENT ON FUNCTION openreplay.dashboard_widgets(integer, integer, integer) IS
	'What is on a dashboard, in the order of positions, as the web frontend''s JSON; of generation 2 with the filters of the series. Without cards that the viewer may not see.';

CREATE FUNCTION openreplay.dashboard(dashboard_id integer, viewer_id integer DEFAULT NULL, generation integer DEFAULT 1) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM openreplay.require_dashboard($1, $2);
	RETURN (SELECT openreplay.camel_keys(to_jsonb(d)) || jsonb_build_object('createdAt', openreplay.json_time(d.created_at, $3), 'ownerEmail', u.email, 'ownerName', u.name,
			'widgets', (SELECT coalesce(jsonb_agg(w.value ORDER BY w.ordinality), '[]') FROM openreplay.dashboard_widgets($1, $2, $3) WITH ORDINALITY AS w (value, ordinality)))
		FROM public.dashboards d LEFT JOIN public.users u ON u.user_id = d.user_id WHERE d.dashboard_id = $1);
END
$$;
COMMENT ON FUNCTION openreplay.dashboard(integer, integer, integer) IS 'A dashboard with its widgets as the web frontend''s JSON. Raises no_data_found.';

CREATE FUNCTION openreplay.dashboard_charts(dashboard_id integer, range jsonb DEFAULT '{}', viewer_id integer DEFAULT NULL)
RETURNS TABLE (widget_id integer, metric_id integer, name text, chart jsonb, error text)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	project integer := openreplay.require_dashboard($1, $3);
	widget jsonb;
BEGIN
	FOR widget IN SELECT openreplay.dashboard_widgets($1, $3)
	LOOP
		widget_id := (widget ->> 'widgetId')::integer;
		metric_id := (widget ->> 'metricId')::integer;
		name := widget ->> 'name';
		BEGIN
			chart := openreplay.card(metric_id, coalesce($2, '{}') || jsonb_build_object('projectId', project), $3);
			error := NULL;
		EXCEPTION WHEN invalid_parameter_value OR no_data_found THEN
			-- a stored card that cannot be computed any more costs that card
			chart := NULL;
			error := SQLERRM;
		END;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.dashboard_charts(integer, jsonb, integer) IS
	'A whole dashboard computed: the chart of each widget as openreplay.card() has it, or why there is none. range: its startTimestamp, endTimestamp, density and so on. Raises no_data_found.';

-- ---- templates ----

CREATE FUNCTION openreplay.card_templates() RETURNS TABLE (template text, name text, card jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
	SELECT t.template, t.name, jsonb_build_object('generation', 2, 'name', t.name, 'metricType', t.type, 'metricOf', t.metric, 'viewType', t.view, 'metricFormat', t.format,
		'series', jsonb_build_array(jsonb_build_object('name', 'Series 1', 'filter', jsonb_build_object('eventsOrder', 'then', 'filters', t.filters)))) || t.options
	FROM (VALUES
		('funnel', 'Funnel', 'funnel', 'sessionCount', 'chart', 'sessionCount',
		 '[{"name": "LOCATION", "isEvent": true, "operator": "is", "value": [], "filters": []}, {"name": "CLICK", "isEvent": true, "operator": "is", "value": [], "filters": []}]'::jsonb, '{}'::jsonb),
		('heatmap', 'Heatmap', 'heatMap', 'heatMapUrl', 'chart', 'sessionCount', '[]', '{}'),
		('journey', 'Journey', 'pathAnalysis', 'sessionCount', 'chart', 'sessionCount', '[]', '{"metricValue": ["LOCATION"], "density": 5, "rows": 5, "hideExcess": true, "startType": "start"}'),
		('trend', 'Sessions trend', 'timeseries', 'sessionCount', 'lineChart', 'sessionCount', '[]', '{}'),
		('users_trend', 'Users trend', 'timeseries', 'userCount', 'lineChart', 'userCount', '[]', '{}'),
		('top_users', 'Top users', 'table', 'userId', 'table', 'sessionCount', '[]', '{}'),
		('top_browsers', 'Top browsers', 'table', 'userBrowser', 'table', 'sessionCount', '[]', '{}'),
		('top_resolutions', 'Top screen resolutions', 'table', 'screenResolution', 'table', 'sessionCount', '[]', '{}'),
		('top_countries', 'Top countries', 'table', 'userCountry', 'table', 'sessionCount', '[]', '{}'),
		('top_devices', 'Top devices', 'table', 'userDevice', 'table', 'sessionCount', '[]', '{}'),
		('top_pages', 'Top pages', 'table', 'LOCATION', 'table', 'sessionCount', '[]', '{}'),
		('top_referrers', 'Top referrers', 'table', 'referrer', 'table', 'sessionCount', '[]', '{}'),
		('js_errors', 'JavaScript errors', 'table', 'jsException', 'table', 'sessionCount', '[]', '{}'),
		('top_requests', 'Top network requests', 'table', 'REQUEST', 'table', 'sessionCount', '[]', '{}'),
		('failed_requests', 'Sessions with 4xx/5xx requests', 'timeseries', 'sessionCount', 'lineChart', 'sessionCount',
		 '[{"name": "REQUEST", "isEvent": true, "operator": "is", "value": [], "propertyOrder": "and", "filters": [{"name": "status", "operator": ">=", "value": ["400"], "dataType": "number"}]}]', '{}'),
		('slow_requests', 'Sessions with slow network requests', 'timeseries', 'sessionCount', 'lineChart', 'sessionCount',
		 '[{"name": "REQUEST", "isEvent": true, "operator": "is", "value": [], "propertyOrder": "and", "filters": [{"name": "duration", "operator": ">=", "value": ["5000"], "dataType": "number"}]}]', '{}'),
		('web_vitals', 'Web vitals', 'webVital', 'webVitalUrl', 'chart', 'sessionCount', '[]', '{}')
	) AS t (template, name, type, metric, view, format, filters, options)
$$;
COMMENT ON FUNCTION openreplay.card_templates() IS 'Cards to begin with, as openreplay.save_card() takes them; openreplay.add_templates() puts some on a dashboard.';

CREATE FUNCTION openreplay.add_templates(dashboard_id integer, user_id integer, templates text[] DEFAULT NULL) RETURNS TABLE (template text, metric_id integer, widget_id integer)
LANGUAGE plpgsql ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	project integer := openreplay.require_dashboard($1, $2);
	chosen record;
	unknown text := (SELECT w FROM unnest($3) AS w WHERE w NOT IN (SELECT t.template FROM openreplay.card_templates() t) LIMIT 1);
BEGIN
	IF unknown IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('there is no template "%s"', left(unknown, 60)), HINT = (SELECT format('It is one of %s.', string_agg(t.template, ', ')) FROM openreplay.card_templates() t);
	END IF;
	FOR chosen IN SELECT t.template, t.card FROM openreplay.card_templates() WITH ORDINALITY AS t WHERE $3 IS NULL OR t.template = ANY ($3) ORDER BY array_position($3, t.template), t.ordinality
	LOOP
		template := chosen.template;
		metric_id := openreplay.save_card(project, $2, chosen.card);
		SELECT a INTO widget_id FROM openreplay.add_cards($1, $2, ARRAY[metric_id]) AS a;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.add_templates(integer, integer, text[]) IS
	'Saves cards of openreplay.card_templates(), all or those named, in that order, as a user''s own, and puts them on a dashboard. Raises no_data_found, invalid_parameter_value.';

-- ==== 13. What goes ================================================================================================

/*
 * Rows go by whole partitions where that is possible, and else session by session in small transactions. Everything here
 * can be stopped, killed and called again at any point: the work is in functions, each one step that commits; the
 * procedures around them only repeat. (A procedure that commits cannot pin its search_path, so they name all in full.)
 *
 * DETACH needs its parent for a moment for itself. It is tried with a short lock_timeout and again: whoever reads or
 * writes waits no longer than that, and nobody is ever cancelled. A detached table is renamed first, so that its place
 * is free, and dropped in a transaction of its own, without CASCADE.
 */
CREATE FUNCTION openreplay.install_retention() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.retention') IS NULL THEN
		CREATE TABLE openreplay.retention (
			project_id		integer REFERENCES public.projects ON DELETE CASCADE,
			keep_days		integer CHECK (keep_days BETWEEN 1 AND 36500),
			changed_at		timestamptz NOT NULL DEFAULT now(),
			UNIQUE NULLS NOT DISTINCT (project_id)
		);
	END IF;
	COMMENT ON TABLE openreplay.retention IS
		'How long sessions are kept: the row without project for all projects that have none of their own, keep_days NULL for ever. Without any row nothing is deleted. Set it with openreplay.set_retention().';
	GRANT SELECT ON openreplay.retention TO openreplay_reader, openreplay_admin;
END
$$;
COMMENT ON FUNCTION openreplay.install_retention() IS 'Creates the missing table of retention settings.';

-- ---- settings ----

CREATE FUNCTION openreplay.set_retention(keep_days integer, project_id integer DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO openreplay.retention (project_id, keep_days) VALUES (project_id, keep_days)
	ON CONFLICT ON CONSTRAINT retention_project_id_key DO UPDATE SET keep_days = excluded.keep_days, changed_at = excluded.changed_at
$$;
COMMENT ON FUNCTION openreplay.set_retention(integer, integer) IS
	'How many days sessions of a project are kept, or without a project those of all others. NULL days: for ever.';

CREATE FUNCTION openreplay.reset_retention(project_id integer DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM openreplay.retention r WHERE r.project_id IS NOT DISTINCT FROM $1
$$;
COMMENT ON FUNCTION openreplay.reset_retention(integer) IS
	'A project follows the general retention again; without a project, there is no general retention.';

CREATE FUNCTION openreplay.retention_of_projects() RETURNS TABLE (project_id integer, keep_days integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.project_id, CASE WHEN r.project_id IS NULL THEN d.keep_days ELSE r.keep_days END
	FROM public.projects p
	LEFT JOIN openreplay.retention r ON r.project_id = p.project_id
	LEFT JOIN openreplay.retention d ON d.project_id IS NULL
$$;
COMMENT ON FUNCTION openreplay.retention_of_projects() IS 'How long each project''s sessions are kept; NULL: for ever.';

-- ---- partitions ----

CREATE FUNCTION openreplay.partitions_of(parent regclass) RETURNS TABLE (partition regclass, lower_bound text, upper_bound text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid::regclass, b.bounds[1], b.bounds[2]
	FROM pg_inherits i
	JOIN pg_class c ON c.oid = i.inhrelid AND NOT i.inhdetachpending,
		regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \('([^']+)'\) TO \('([^']+)'\)$re$) AS b (bounds)
	WHERE i.inhparent = parent AND b.bounds IS NOT NULL
	ORDER BY c.oid
$$;
COMMENT ON FUNCTION openreplay.partitions_of(regclass) IS 'The range partitions of a table with their bounds, as text.';

CREATE FUNCTION openreplay.detach_partition(parent regclass, partition regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms'
AS $$
BEGIN
	EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', parent, partition);
	EXECUTE format('COMMENT ON TABLE %s IS %L', partition, 'openreplay: to be dropped');
	EXECUTE format('ALTER TABLE %s RENAME TO %I', partition, 'detached_' || partition::oid);
END
$$;
COMMENT ON FUNCTION openreplay.detach_partition(regclass, regclass) IS
	'Takes a partition off its parent and out of its place, to be dropped by openreplay.drop_detached(). Fails with lock_not_available rather than wait longer than 100 ms.';

CREATE FUNCTION openreplay.drop_one_detached() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms'
AS $$
DECLARE
	detached regclass;
BEGIN
	FOR detached IN
		SELECT c.oid FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('openreplay', 'public', 'events', 'events_common', 'events_ios')
			AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '^detached_\d+$'
			AND obj_description(c.oid, 'pg_class') = 'openreplay: to be dropped'
		ORDER BY c.oid
	LOOP
		BEGIN
			EXECUTE format('DROP TABLE %s', detached);
			RETURN true;
		EXCEPTION WHEN lock_not_available THEN
			NULL;				-- somebody still reads it: next time
		END;
	END LOOP;
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.drop_one_detached() IS 'Drops one table that was detached, if nobody reads it any more.';

CREATE PROCEDURE openreplay.drop_detached()
LANGUAGE plpgsql AS $$
BEGIN
	WHILE openreplay.drop_one_detached()
	LOOP
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.drop_detached() IS 'Drops the tables that were detached and that nobody reads any more, each in a transaction.';

-- ---- passes: a week of run history; a lane's position is carried along ----

CREATE FUNCTION openreplay.detach_passes(partition regclass) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($q$
		INSERT INTO openreplay.passes (seq, received_at, messages, bytes, server_id, entries, duplicates, broken, parked, dropped,
			rows_written, rows_known, elapsed_ms, shard)
		SELECT o.seq, o.received_at, 0, 0, o.server_id, 0, 0, 0, 0, 0, 0, 0, 0, o.shard
		FROM (SELECT DISTINCT ON (server_id, shard) server_id, shard, seq, received_at FROM %1$s ORDER BY server_id, shard, seq DESC) o
		WHERE NOT EXISTS (SELECT FROM openreplay.passes p WHERE p.server_id = o.server_id AND p.shard = o.shard AND p.seq >= o.seq
						  AND p.tableoid <> %2$L::oid)$q$, partition, partition::oid);
	PERFORM openreplay.detach_partition('openreplay.passes', partition);
	RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.detach_passes(regclass) IS
	'Takes a day off the passes, after the positions of lanes that were idle since were carried to the present. False: somebody reads them.';

CREATE PROCEDURE openreplay.drop_old_passes(keep interval DEFAULT '7 days')
LANGUAGE plpgsql AS $$
DECLARE
	day record;
	detached boolean;
BEGIN
	FOR day IN
		SELECT p.partition FROM openreplay.partitions_of('openreplay.passes') p
		WHERE p.upper_bound::timestamptz < pg_catalog.now() - keep
	LOOP
		FOR attempt IN 1..20 LOOP
			detached := openreplay.detach_passes(day.partition);
			COMMIT;
			EXIT WHEN detached;
			PERFORM pg_catalog.pg_sleep(0.1);
		END LOOP;
		EXIT WHEN NOT detached;
	END LOOP;
	CALL openreplay.drop_detached();
END
$$;
COMMENT ON PROCEDURE openreplay.drop_old_passes(interval) IS 'Drops the days of openreplay.passes that are older than a week, or keep.';

-- ---- batches: as long as they are needed ----

CREATE FUNCTION openreplay.lane_ends(partition regclass) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
	ends text;
BEGIN
	EXECUTE format($q$
		SELECT string_agg(v.server_id || '.' || n.shard || '=' || m.seq, ' ' ORDER BY v.server_id, n.shard)
		FROM openreplay.servers v CROSS JOIN generate_series(0, 63) AS n (shard)
		CROSS JOIN LATERAL (SELECT b.seq FROM %s b WHERE b.server_id = v.server_id AND b.shard = n.shard ORDER BY b.seq DESC LIMIT 1) m$q$,
		partition) INTO ends;
	RETURN coalesce(ends, '');
END
$$;
COMMENT ON FUNCTION openreplay.lane_ends(regclass) IS
	'The last seq of each lane in a partition of batches: as long as it is the same, nothing was appended.';

CREATE FUNCTION openreplay.why_batches_stay(partition regclass) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
	bounds record;
	keep interval := nullif(nullif(current_setting('openreplay.keep_batches', true), ''), '-1')::interval;
	found boolean;
BEGIN
	SELECT p.lower_bound::timestamptz AS first, p.upper_bound::timestamptz AS last INTO bounds
	FROM openreplay.partitions_of('openreplay.batches') p WHERE p.partition = why_batches_stay.partition;
	IF bounds.last IS NULL THEN
		RETURN 'not a partition of openreplay.batches';
	END IF;
	IF bounds.last > now() - coalesce(keep, interval '1 hour') THEN
		RETURN 'young';
	END IF;

	EXECUTE format($q$
		SELECT EXISTS (
			SELECT FROM openreplay.servers v CROSS JOIN generate_series(0, 63) AS n (shard)
			CROSS JOIN LATERAL (SELECT b.seq FROM %s b WHERE b.server_id = v.server_id AND b.shard = n.shard ORDER BY b.seq DESC LIMIT 1) m
			WHERE m.seq > coalesce((SELECT p.seq FROM openreplay.passes p WHERE p.server_id = v.server_id AND p.shard = n.shard
									ORDER BY p.seq DESC LIMIT 1), 0))$q$, partition) INTO found;
	IF found THEN
		RETURN 'unread';
	END IF;
	IF EXISTS (SELECT FROM openreplay.parked_batches q WHERE q.received_at >= bounds.first AND q.received_at < bounds.last) THEN
		RETURN 'parked';
	END IF;
	-- whoever may receive data needs them after a restart, too
	EXECUTE format('SELECT EXISTS (SELECT FROM %s b WHERE EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = b.session_id))',
		partition) INTO found;
	IF found THEN
		RETURN 'live';
	END IF;
	IF keep IS NULL THEN
		EXECUTE format($q$
			SELECT EXISTS (SELECT FROM %s b
				WHERE EXISTS (SELECT FROM public.sessions s WHERE s.session_id = b.session_id)
					AND (NOT EXISTS (SELECT FROM openreplay.stored_recordings r WHERE r.session_id = b.session_id)
						OR EXISTS (SELECT FROM openreplay.outbox o WHERE o.kind = 'recording' AND o.key = b.session_id::text)))$q$,
			partition) INTO found;
		RETURN CASE WHEN found THEN 'not stored' END;
	END IF;
	EXECUTE format($q$
		SELECT EXISTS (SELECT FROM openreplay.outbox o WHERE o.kind = 'recording' AND o.claimed_by IS NOT NULL
			AND EXISTS (SELECT FROM %s b WHERE b.session_id = o.key::bigint))$q$, partition) INTO found;
	RETURN CASE WHEN found THEN 'being stored' END;
END
$$;
COMMENT ON FUNCTION openreplay.why_batches_stay(regclass) IS
	'Why a partition of batches cannot be dropped: young, unread, parked, live (sessions may still receive data), not stored, being stored. NULL: it can. By openreplay.keep_batches batches go at that age, stored or not; without it when they are stored.';

CREATE FUNCTION openreplay.detach_batches(partition regclass, lane_ends text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
	-- what comes later of these sessions is for their stored files
	EXECUTE format($q$
		UPDATE openreplay.stored_recordings r SET batches_gone = true
		WHERE NOT r.batches_gone AND r.session_id IN (SELECT DISTINCT b.session_id FROM %s b)$q$, partition);
	-- recordings that cannot be stored completely any more, where batches go by age
	EXECUTE format($q$
		DELETE FROM openreplay.outbox o WHERE o.kind = 'recording' AND o.claimed_by IS NULL
			AND o.key IN (SELECT DISTINCT b.session_id::text FROM %s b
				WHERE NOT EXISTS (SELECT FROM openreplay.stored_recordings r WHERE r.session_id = b.session_id))$q$, partition);
	-- what a spool delivers late would be lost with the partition: nobody appends from here on, and nobody has since
	LOCK TABLE openreplay.batches IN ACCESS EXCLUSIVE MODE;
	IF openreplay.lane_ends(partition) <> detach_batches.lane_ends THEN
		RETURN false;
	END IF;
	PERFORM openreplay.detach_partition('openreplay.batches', partition);
	RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.detach_batches(regclass, text) IS
	'Takes a partition off the batches if nothing was appended since openreplay.lane_ends() was read. False: something was, or somebody reads.';

CREATE PROCEDURE openreplay.drop_stored_batches()
LANGUAGE plpgsql AS $$
DECLARE
	hour record;
	ends text;
	stays boolean;
	detached boolean;
BEGIN
	FOR hour IN
		SELECT p.partition FROM openreplay.partitions_of('openreplay.batches') p ORDER BY p.lower_bound::timestamptz
	LOOP
		ends := openreplay.lane_ends(hour.partition);
		stays := openreplay.why_batches_stay(hour.partition) IS NOT NULL;
		COMMIT;
		CONTINUE WHEN stays;
		FOR attempt IN 1..20 LOOP
			detached := openreplay.detach_batches(hour.partition, ends);
			COMMIT;
			EXIT WHEN detached;
			PERFORM pg_catalog.pg_sleep(0.1);
		END LOOP;
		EXIT WHEN NOT detached;
	END LOOP;
	CALL openreplay.drop_detached();
END
$$;
COMMENT ON PROCEDURE openreplay.drop_stored_batches() IS
	'Drops the hours of openreplay.batches whose sessions can receive nothing more and whose recordings are stored (or that are as old as openreplay.keep_batches, when that is set). openreplay.why_batches_stay() tells about the others.';

-- ---- sessions: by project, user and age ----

CREATE FUNCTION openreplay.delete_some_sessions(project_id integer, user_id text, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	deleted integer;
BEGIN
	DELETE FROM public.sessions s WHERE s.session_id IN (
		SELECT t.session_id FROM public.sessions t
		WHERE t.project_id = delete_some_sessions.project_id
			AND (delete_some_sessions.user_id IS NULL OR t.user_id = delete_some_sessions.user_id)
		ORDER BY t.session_id LIMIT most FOR UPDATE);
	GET DIAGNOSTICS deleted = ROW_COUNT;
	RETURN deleted;
END
$$;
COMMENT ON FUNCTION openreplay.delete_some_sessions(integer, text, integer) IS
	'Deletes at most so many sessions of a project, or of one of its users, with all that belongs to them. Returns how many.';

CREATE FUNCTION openreplay.delete_user_traces(project_id integer, user_id text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM public.autocomplete a WHERE a.project_id = $1 AND a.value = $2 AND a.type LIKE 'USERID%';
	DELETE FROM or_cache.autocomplete_top_values c WHERE c.project_id = $1;
	DELETE FROM openreplay.user_devices d WHERE d.project_id = $1 AND d.user_id = $2;
	DELETE FROM openreplay.user_properties u WHERE u.project_id = $1 AND u.user_id = $2;
$$;
COMMENT ON FUNCTION openreplay.delete_user_traces(integer, text) IS
	'Deletes what is known of a user outside of sessions: suggestions in filter boxes, reported properties, devices.';

CREATE PROCEDURE openreplay.delete_user_sessions(project_id integer, user_id text)
LANGUAGE plpgsql AS $$
BEGIN
	IF user_id IS NULL OR user_id = '' THEN
		RAISE EXCEPTION 'a user id is needed' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	WHILE openreplay.delete_some_sessions(project_id, user_id, 100) > 0
	LOOP
		COMMIT;
	END LOOP;
	PERFORM openreplay.delete_user_traces(project_id, user_id);
END
$$;
COMMENT ON PROCEDURE openreplay.delete_user_sessions(integer, text) IS
	'Deletes all sessions of a user, those under way too, and what else is known of them, a hundred sessions a transaction. Call it again after an interruption.';

CREATE FUNCTION openreplay.stop_project(project_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE public.projects p SET active = false WHERE p.project_id = $1 AND p.active
$$;
COMMENT ON FUNCTION openreplay.stop_project(integer) IS 'Lets a project record nothing more.';

CREATE PROCEDURE openreplay.delete_project(project_id integer)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM openreplay.stop_project(project_id);
	COMMIT;
	WHILE openreplay.delete_some_sessions(project_id, NULL, 100) > 0
	LOOP
		COMMIT;
	END LOOP;
	PERFORM openreplay.delete_empty_project(project_id);
END
$$;
COMMENT ON PROCEDURE openreplay.delete_project(integer) IS
	'Deletes a project with everything in it, a hundred sessions a transaction. DELETE FROM public.projects does the same in one. Call it again after an interruption.';

CREATE FUNCTION openreplay.delete_empty_project(project_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM public.projects_stats s WHERE s.project_id = $1;
	DELETE FROM public.projects p WHERE p.project_id = $1;
$$;
COMMENT ON FUNCTION openreplay.delete_empty_project(integer) IS 'The last step of openreplay.delete_project().';

CREATE FUNCTION openreplay.delete_expired_sessions(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	project record;
	total integer := 0;
	deleted integer;
	before bigint;
	-- what a month is about to take along need not be deleted row by row
	since bigint := coalesce((SELECT max(m.end_id) FROM openreplay.expired_months() m), 0);
BEGIN
	FOR project IN SELECT r.project_id, r.keep_days FROM openreplay.retention_of_projects() r WHERE r.keep_days IS NOT NULL
	LOOP
		EXIT WHEN total >= most;
		before := openreplay.session_id_at(now() - project.keep_days * interval '1 day');
		DELETE FROM public.sessions s WHERE s.session_id IN (
			SELECT t.session_id FROM public.sessions t
			WHERE t.project_id = project.project_id AND t.session_id >= since AND t.session_id < before
				AND NOT EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = t.session_id)
				AND NOT EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = t.session_id)
			ORDER BY t.session_id LIMIT most - total FOR UPDATE);
		GET DIAGNOSTICS deleted = ROW_COUNT;
		total := total + deleted;
	END LOOP;
	RETURN total;
END
$$;
COMMENT ON FUNCTION openreplay.delete_expired_sessions(integer) IS
	'Deletes at most so many sessions that are older than their project''s retention, but no favourites and none of a month that goes as a whole. Returns how many.';

-- ---- months ----

CREATE FUNCTION openreplay.expired_months() RETURNS TABLE (first_id bigint, end_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- NULL as soon as one project keeps for ever
	longest integer := (SELECT CASE WHEN bool_and(r.keep_days IS NOT NULL) THEN max(r.keep_days) END FROM openreplay.retention_of_projects() r);
BEGIN
	FOR first_id, end_id IN
		SELECT p.lower_bound::bigint, p.upper_bound::bigint FROM openreplay.partitions_of('public.sessions') p
		WHERE p.upper_bound::bigint <= openreplay.session_id_at(now() - longest * interval '1 day')
		ORDER BY p.lower_bound::bigint
	LOOP
		CONTINUE WHEN EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id >= first_id AND l.session_id < end_id);
		-- one that has only favourites is done
		CONTINUE WHEN NOT EXISTS (
			SELECT FROM public.sessions s WHERE s.session_id >= first_id AND s.session_id < end_id
				AND NOT EXISTS (SELECT FROM public.user_favorite_sessions f WHERE f.session_id = s.session_id))
			AND EXISTS (SELECT FROM public.sessions s WHERE s.session_id >= first_id AND s.session_id < end_id);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.expired_months() IS
	'Months (bounds of session ids) that are older than the longest retention and hold more than favourites.';

CREATE FUNCTION openreplay.queue_removal_of_month(first_id bigint, end_id bigint, kept bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	thousand bigint[];
	last bigint := first_id - 1;
BEGIN
	LOOP
		SELECT array_agg(n.session_id) INTO thousand FROM (
			SELECT s.session_id FROM public.sessions s
			WHERE s.session_id > last AND s.session_id < end_id AND s.session_id <> ALL (kept) ORDER BY s.session_id LIMIT 1000) n;
		EXIT WHEN thousand IS NULL;
		PERFORM openreplay.queue_removal(thousand);
		last := thousand[cardinality(thousand)];
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.queue_removal_of_month(bigint, bigint, bigint[]) IS
	'Queues the removal of what storage holds of a month''s sessions, before their rows go. Queued again after an interruption, which does no harm.';

CREATE FUNCTION openreplay.clear_batches(partition regclass, first_id bigint, end_id bigint, kept bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
AS $$
BEGIN
	EXECUTE format('DELETE FROM %s b WHERE b.session_id >= $1 AND b.session_id < $2 AND b.session_id <> ALL ($3)', partition)
	USING first_id, end_id, kept;
END
$$;
COMMENT ON FUNCTION openreplay.clear_batches(regclass, bigint, bigint, bigint[]) IS
	'Deletes a month''s sessions but the kept ones from one partition of batches.';

CREATE FUNCTION openreplay.shed_events(parent regclass, first_id bigint, end_id bigint, kept bigint[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning SET lock_timeout = '100ms'
AS $$
DECLARE
	old record;
	place text;
	replacement text;
	needed boolean;
BEGIN
	SELECT p.partition, p.lower_bound, p.upper_bound, c.relname, n.nspname INTO old
	FROM openreplay.partitions_of(parent) p
	JOIN pg_class c ON c.oid = p.partition JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE p.lower_bound::bigint = first_id AND p.upper_bound::bigint = end_id;
	IF old.partition IS NULL THEN
		RETURN true;			-- went before an interruption
	END IF;
	place := format('%I.%I', old.nspname, old.relname);
	replacement := format('%I.%I', old.nspname, 'kept_' || old.partition::oid);
	-- none of the kept ones is deleted meanwhile: the copies of its rows would stay
	PERFORM FROM public.sessions s WHERE s.session_id = ANY (kept) ORDER BY s.session_id FOR KEY SHARE;
	EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE session_id = ANY ($1))', old.partition) INTO needed USING kept;
	IF needed THEN
		EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', replacement, old.partition);
		EXECUTE format('INSERT INTO %s SELECT * FROM %s WHERE session_id = ANY ($1)', replacement, old.partition) USING kept;
	END IF;
	PERFORM openreplay.detach_partition(parent, old.partition);
	IF needed THEN
		EXECUTE format('ALTER TABLE %s RENAME TO %I', replacement, old.relname);
		EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', parent, place, first_id, end_id);
	END IF;
	RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.shed_events(regclass, bigint, bigint, bigint[]) IS
	'Replaces a month of a table by one that holds the kept sessions only, or by none. False: somebody reads it.';

CREATE FUNCTION openreplay.shed_sessions(first_id bigint, end_id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning SET lock_timeout = '100ms'
AS $$
DECLARE
	kept bigint[];
	link record;
	links text[] := '{}';
	table_name text;
BEGIN
	LOCK TABLE public.user_favorite_sessions IN SHARE ROW EXCLUSIVE MODE;
	kept := ARRAY(SELECT DISTINCT f.session_id FROM public.user_favorite_sessions f
				  WHERE f.session_id >= first_id AND f.session_id < end_id);
	-- what people attached to sessions refers to them: that of the others goes, that of the kept ones steps aside meanwhile
	FOR link IN
		SELECT c.conrelid::regclass AS table_name, c.confdeltype = 'n' AS outlives, quote_ident(a.attname) AS column_name
		FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'f' AND c.confrelid = 'public.sessions'::regclass AND c.conparentid = 0
		ORDER BY c.conrelid
	LOOP
		EXECUTE format('CREATE TEMP TABLE %I ON COMMIT DROP AS SELECT * FROM %s WHERE %s = ANY ($1)',
			'kept_' || link.table_name::oid, link.table_name, link.column_name) USING kept;
		links := links || link.table_name::text;
		EXECUTE format('DELETE FROM %s WHERE %s = ANY ($1)', link.table_name, link.column_name) USING kept;
		EXECUTE format(CASE WHEN link.outlives THEN 'UPDATE %1$s SET %2$s = NULL WHERE %2$s >= $1 AND %2$s < $2'
							ELSE 'DELETE FROM %1$s WHERE %2$s >= $1 AND %2$s < $2' END, link.table_name, link.column_name)
		USING first_id, end_id;
	END LOOP;
	DELETE FROM public.sessions_feature_flags f WHERE f.session_id >= first_id AND f.session_id < end_id AND f.session_id <> ALL (kept);
	DELETE FROM openreplay.broken_batch_log b WHERE b.session_id >= first_id AND b.session_id < end_id AND b.session_id <> ALL (kept);
	IF NOT openreplay.shed_events('public.sessions', first_id, end_id, kept) THEN
		RAISE lock_not_available;
	END IF;
	FOREACH table_name IN ARRAY links
	LOOP
		EXECUTE format('INSERT INTO %s SELECT * FROM pg_temp.%I', table_name, 'kept_' || table_name::regclass::oid);
	END LOOP;
	RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected OR foreign_key_violation THEN
	RETURN false;				-- also when somebody attached something just now
END
$$;
COMMENT ON FUNCTION openreplay.shed_sessions(bigint, bigint) IS
	'The last step of a month: its sessions but for favourites, with what people attached to them. False: somebody reads them.';

CREATE PROCEDURE openreplay.shed_month(first_id bigint, end_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
	kept bigint[];
	item record;
	done boolean;
BEGIN
	kept := ARRAY(SELECT DISTINCT f.session_id FROM public.user_favorite_sessions f
				  WHERE f.session_id >= first_id AND f.session_id < end_id);
	PERFORM openreplay.queue_removal_of_month(first_id, end_id, kept);
	COMMIT;
	FOR item IN
		SELECT p.partition FROM openreplay.partitions_of('openreplay.batches') p
		WHERE p.upper_bound::timestamptz >= openreplay.session_time(first_id) - interval '1 day'
	LOOP
		PERFORM openreplay.clear_batches(item.partition, first_id, end_id, kept);
		COMMIT;
	END LOOP;
	FOR item IN
		SELECT t AS parent FROM openreplay.session_tables() t
		ORDER BY t = 'public.sessions'::pg_catalog.regclass, t
	LOOP
		FOR attempt IN 1..20 LOOP
			done := CASE WHEN item.parent = 'public.sessions'::pg_catalog.regclass
				THEN openreplay.shed_sessions(first_id, end_id) ELSE openreplay.shed_events(item.parent, first_id, end_id, kept) END;
			COMMIT;
			EXIT WHEN done;
			PERFORM pg_catalog.pg_sleep(0.1);
		END LOOP;
		EXIT WHEN NOT done;		-- the next call goes on here
	END LOOP;
	CALL openreplay.drop_detached();
END
$$;
COMMENT ON PROCEDURE openreplay.shed_month(bigint, bigint) IS
	'Removes a month of sessions but for favourites, table by table, sessions last. Goes on after an interruption.';

CREATE PROCEDURE openreplay.apply_retention()
LANGUAGE plpgsql AS $$
DECLARE
	month record;
BEGIN
	FOR month IN SELECT m.first_id, m.end_id FROM openreplay.expired_months() m
	LOOP
		CALL openreplay.shed_month(month.first_id, month.end_id);
	END LOOP;
	WHILE openreplay.delete_expired_sessions(100) > 0
	LOOP
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.apply_retention() IS
	'Deletes what is older than openreplay.retention says, but no favourites: whole months where all projects allow it, else a hundred sessions a transaction.';

-- ---- jobs ----

CREATE FUNCTION openreplay.take_job() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE public.jobs j SET status = 'running', updated_at = timezone('utc', now())
	WHERE j.job_id = (SELECT k.job_id FROM public.jobs k
					  WHERE k.status IN ('scheduled', 'running') AND k.start_at <= timezone('utc', now())
					  ORDER BY k.start_at, k.job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING j.job_id
$$;
COMMENT ON FUNCTION openreplay.take_job() IS 'The next job that is due, or was left running by a crash.';

CREATE FUNCTION openreplay.work_on_job(job_id integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job record;
BEGIN
	SELECT * INTO job FROM public.jobs j WHERE j.job_id = work_on_job.job_id AND j.status = 'running' FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;			-- cancelled
	END IF;
	BEGIN
		IF openreplay.delete_some_sessions(job.project_id, job.reference_id, 100) > 0 THEN
			RETURN true;
		END IF;
		PERFORM openreplay.delete_user_traces(job.project_id, job.reference_id);
		UPDATE public.jobs j SET status = 'completed', updated_at = timezone('utc', now()) WHERE j.job_id = job.job_id;
	EXCEPTION WHEN others THEN
		UPDATE public.jobs j SET status = 'failed', errors = SQLERRM, updated_at = timezone('utc', now()) WHERE j.job_id = job.job_id;
	END;
	RETURN false;
END
$$;
COMMENT ON FUNCTION openreplay.work_on_job(integer) IS 'One step of a job; false when it is over, done or not.';

CREATE PROCEDURE openreplay.run_jobs()
LANGUAGE plpgsql AS $$
DECLARE
	job integer;
BEGIN
	LOOP
		job := openreplay.take_job();
		COMMIT;
		EXIT WHEN job IS NULL;
		WHILE openreplay.work_on_job(job)
		LOOP
			COMMIT;
		END LOOP;
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.run_jobs() IS
	'Does the jobs of public.jobs that are due: deletes the data of users, all of it, however many sessions that are.';

-- ---- jobs as the application asks for them ----

CREATE FUNCTION openreplay.jobs(project_id integer, "limit" integer DEFAULT 50, page integer DEFAULT 1)
RETURNS TABLE (job_id integer, description text, status text, action text, reference_id text, created_at timestamptz, updated_at timestamptz,
	start_at timestamptz, errors text)
LANGUAGE sql STABLE STRICT ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
	SELECT j.job_id, j.description, j.status::text, j.action::text, j.reference_id, j.created_at AT TIME ZONE 'UTC', j.updated_at AT TIME ZONE 'UTC',
		j.start_at AT TIME ZONE 'UTC', j.errors
	FROM public.jobs j WHERE j.project_id = $1
	ORDER BY j.job_id DESC LIMIT least(greatest($2, 1), 200) OFFSET (greatest($3, 1) - 1)::bigint * least(greatest($2, 1), 200)
$$;
COMMENT ON FUNCTION openreplay.jobs(integer, integer, integer) IS 'A page of a project''s jobs, newest first, up to 200 a page.';

CREATE FUNCTION openreplay.job(project_id integer, job_id integer) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_build_object('jobId', j.job_id, 'description', j.description, 'status', j.status, 'projectId', j.project_id, 'action', j.action,
		'referenceId', j.reference_id, 'createdAt', (extract(epoch FROM j.created_at) * 1000)::bigint,
		'updatedAt', (extract(epoch FROM j.updated_at) * 1000)::bigint, 'startAt', (extract(epoch FROM j.start_at) * 1000)::bigint, 'errors', j.errors)
	FROM public.jobs j WHERE j.project_id = $1 AND j.job_id = $2
$$;
COMMENT ON FUNCTION openreplay.job(integer, integer) IS 'A job of a project as the application shows it, times in epoch milliseconds; NULL if there is none.';

CREATE FUNCTION openreplay.erase_user(project_id integer, user_id text, start_at timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id integer;
BEGIN
	IF length(coalesce(erase_user.user_id, '')) NOT BETWEEN 1 AND 256 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a user id has 1 to 256 characters',
			HINT = 'CALL openreplay.delete_user_sessions(project_id, user_id) takes longer ones.';
	END IF;
	-- two at once shall not both find none
	PERFORM pg_advisory_xact_lock(hashtextextended('openreplay.erase_user ' || erase_user.project_id || ' ' || erase_user.user_id, 0));
	SELECT j.job_id INTO id FROM public.jobs j
	WHERE j.project_id = erase_user.project_id AND j.action = 'delete_user_data' AND j.reference_id = erase_user.user_id
		AND j.status IN ('scheduled', 'running') LIMIT 1;
	IF FOUND THEN
		RAISE unique_violation USING MESSAGE = 'a job that deletes this user''s data is scheduled already', DETAIL = format('It is job %s.', id);
	END IF;
	INSERT INTO public.jobs (description, status, project_id, action, reference_id, updated_at, start_at)
	VALUES (format('Delete user sessions of userId = %s', erase_user.user_id), 'scheduled', erase_user.project_id, 'delete_user_data', erase_user.user_id, NULL,
			coalesce(erase_user.start_at AT TIME ZONE 'UTC', date_trunc('day', timezone('utc', now())) + interval '1 day'))
	RETURNING jobs.job_id INTO id;
	RETURN id;
END
$$;
COMMENT ON FUNCTION openreplay.erase_user(integer, text, timestamptz) IS
	'Has all data of a user of a project deleted, at the next midnight (UTC) or at start_at, by a job whose id it returns. Raises invalid_parameter_value, unique_violation when one is scheduled or running.';

CREATE FUNCTION openreplay.cancel_job(project_id integer, job_id integer) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	state public.job_status;
BEGIN
	SELECT j.status INTO state FROM public.jobs j WHERE j.project_id = $1 AND j.job_id = $2 FOR UPDATE;
	IF NOT FOUND THEN
		RAISE no_data_found USING MESSAGE = 'Job not found.';
	ELSIF state IN ('completed', 'cancelled') THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = 'The request job has already been canceled/completed.';
	END IF;
	UPDATE public.jobs j SET status = 'cancelled', updated_at = timezone('utc', now()) WHERE j.job_id = $2;
END
$$;
COMMENT ON FUNCTION openreplay.cancel_job(integer, integer) IS
	'Cancels a job that is not over; one that runs stops at its next step, and what it has deleted stays deleted. Raises no_data_found, object_not_in_prerequisite_state.';

-- ---- counts of projects ----

-- A row a day of which sessions began: days that may still change are counted again and again, the others once a week.
CREATE FUNCTION openreplay.count_project_days(since timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
	first_day timestamp := date_trunc('day', since AT TIME ZONE 'UTC');
	first_id bigint := openreplay.session_id_at(greatest(first_day AT TIME ZONE 'UTC', timestamptz '2019-02-13 00:00:00+00'));
	counted bigint;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('openreplay.count_project_days', 0));
	WITH day AS (
		SELECT s.project_id, date_trunc('day', openreplay.session_time(s.session_id) AT TIME ZONE 'UTC') AS created_at,
			count(*) AS sessions_count, coalesce(sum(s.events_count), 0) AS events_count
		FROM public.sessions s WHERE s.session_id >= first_id AND s.duration IS NOT NULL GROUP BY 1, 2
	), gone AS (
		DELETE FROM public.projects_stats t
		WHERE t.created_at >= first_day AND NOT EXISTS (SELECT FROM day d WHERE d.project_id = t.project_id AND d.created_at = t.created_at)
	)
	INSERT INTO public.projects_stats AS t (project_id, created_at, sessions_count, events_count, last_update_at)
	SELECT d.project_id, d.created_at, d.sessions_count, d.events_count, timezone('utc', now()) FROM day d
	ON CONFLICT ON CONSTRAINT projects_stats_pkey DO UPDATE SET sessions_count = excluded.sessions_count, events_count = excluded.events_count,
		last_update_at = excluded.last_update_at;
	GET DIAGNOSTICS counted = ROW_COUNT;
	RETURN counted;
END
$$;
COMMENT ON FUNCTION openreplay.count_project_days(timestamptz) IS
	'Counts ended sessions and their events, by project and day (UTC) on which they began, into public.projects_stats, from that day on. Returns how many rows that are.';

-- ---- most frequent values ----

CREATE FUNCTION openreplay.top_value_sources() RETURNS TABLE (type text, source text, expression text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 22 SET search_path = pg_catalog, pg_temp AS $$
	SELECT * FROM (VALUES
		('click', 'events.clicks', 'e.label'),
		('input', 'events.inputs', 'e.label'),
		('location', 'events.pages', 'e.path'),
		('custom', 'events_common.customs', 'e.name'),
		('fetchUrl', 'events_common.requests', 'e.path'),
		('graphqlName', 'events.graphql', 'e.name'),
		('stateAction', 'events.state_actions', 'e.name'),
		('error', 'events.errors', '(SELECT d.name FROM public.errors d WHERE d.error_id = e.error_id)'),
		('referrer', 'events.pages', 'e.base_referrer'),
		('userCountry', NULL, 's.user_country::text'), ('userCity', NULL, 's.user_city'), ('userState', NULL, 's.user_state'),
		('userId', NULL, 's.user_id'), ('userAnonymousId', NULL, 's.user_anonymous_id'), ('userOs', NULL, 's.user_os'),
		('userBrowser', NULL, 's.user_browser'), ('userDevice', NULL, 's.user_device'), ('platform', NULL, 's.platform::text'),
		('revId', NULL, 's.rev_id'), ('utmSource', NULL, 's.utm_source'), ('utmMedium', NULL, 's.utm_medium'), ('utmCampaign', NULL, 's.utm_campaign')
	) AS t (type, source, expression)
$$;
COMMENT ON FUNCTION openreplay.top_value_sources() IS
	'Filters whose most frequent values are offered: SQL over the rows (e) of an event table, or over sessions (s). metadata comes beside them, by its key.';

CREATE FUNCTION openreplay.count_top_values(project_id integer, type text, key text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
	kind record;
	place integer;
	result jsonb;
BEGIN
	IF type = 'metadata' THEN
		SELECT n INTO place FROM public.projects p, generate_series(1, 10) n
		WHERE p.project_id = count_top_values.project_id AND to_jsonb(p) ->> ('metadata_' || n) = key ORDER BY n LIMIT 1;
		SELECT NULL::text AS source, format('s.metadata_%s', place) AS expression INTO kind WHERE place IS NOT NULL;
	ELSE
		SELECT t.source, t.expression INTO kind FROM openreplay.top_value_sources() t WHERE t.type = count_top_values.type;
	END IF;
	IF kind.expression IS NULL THEN
		RETURN '[]';
	END IF;
	EXECUTE format($q$
		SELECT coalesce(jsonb_agg(jsonb_build_object('value', v.value, 'rowCount', v.n, 'rowPercentage', trunc(v.n * 100 / v.total, 2))
								  ORDER BY v.n DESC, v.value), '[]')
		FROM (SELECT %s AS value, count(*) AS n, sum(count(*)) OVER () AS total
			  FROM %s WHERE s.project_id = $1 AND s.duration > 0 AND s.session_id >= $2 AND nullif(%1$s, '') IS NOT NULL
			  GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10) v$q$, kind.expression,
		CASE WHEN kind.source IS NULL THEN 'public.sessions s'
			ELSE format('%s e JOIN public.sessions s ON s.session_id = e.session_id AND e.session_id >= $2', kind.source) END)
	INTO result USING project_id, openreplay.session_id_at(now() - interval '30 days');
	RETURN result;
END
$$;
COMMENT ON FUNCTION openreplay.count_top_values(integer, text, text) IS
	'The ten most frequent values of a filter among ended sessions of the last 30 days: value, rowCount, rowPercentage (of all rows with a value). Nothing for a filter that openreplay.top_value_sources() does not list.';

CREATE FUNCTION openreplay.top_values(project_id integer, type text, key text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	result jsonb;
	began timestamptz := clock_timestamp();
	-- a replica, or a reader who insists: the cache is used as it is
	may_write boolean := NOT current_setting('transaction_read_only')::boolean;
BEGIN
	SELECT c.result INTO result FROM or_cache.autocomplete_top_values c
	WHERE c.project_id = $1 AND c.event_type = $2 AND c.event_key IS NOT DISTINCT FROM $3
		AND c.created_at > timezone('utc', now()) - interval '300 seconds' AND c.created_at <= timezone('utc', now());
	IF FOUND THEN
		IF may_write THEN
			UPDATE or_cache.autocomplete_top_values c SET asked_at = timezone('utc', now()) WHERE c.project_id = $1 AND c.event_type = $2 AND c.event_key IS NOT DISTINCT FROM $3;
		END IF;
		RETURN jsonb_set(result, '{0,cached}', 'true');
	END IF;
	result := openreplay.count_top_values($1, $2, $3);
	IF result = '[]' THEN
		RETURN result;
	END IF;
	result := jsonb_set(result, '{0,cached}', 'false');
	IF NOT may_write THEN
		RETURN result;
	END IF;
	INSERT INTO or_cache.autocomplete_top_values AS c (project_id, event_type, event_key, result, execution_time)
	VALUES ($1, $2, $3, result, (extract(epoch FROM clock_timestamp() - began) * 1000)::integer)
	ON CONFLICT (project_id, event_type, event_key) DO UPDATE SET result = excluded.result, execution_time = excluded.execution_time,
		created_at = excluded.created_at, asked_at = excluded.asked_at;
	RETURN result;
END
$$;
COMMENT ON FUNCTION openreplay.top_values(integer, text, text) IS
	'openreplay.count_top_values() by way of a cache of five minutes, which is not written in a read-only transaction; the first element says whether it is cached. An empty result is not kept.';

CREATE FUNCTION openreplay.refresh_top_values() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	entry record;
	refreshed bigint := 0;
	result jsonb;
	began timestamptz;
BEGIN
	DELETE FROM or_cache.autocomplete_top_values c WHERE c.asked_at < timezone('utc', now()) - interval '1 hour';
	FOR entry IN
		SELECT c.project_id, c.event_type, c.event_key FROM or_cache.autocomplete_top_values c
		WHERE c.created_at <= timezone('utc', now()) - interval '200 seconds' ORDER BY 1, 2, 3 FOR UPDATE SKIP LOCKED
	LOOP
		began := clock_timestamp();
		result := openreplay.count_top_values(entry.project_id, entry.event_type, entry.event_key);
		UPDATE or_cache.autocomplete_top_values c SET result = jsonb_set(refresh.result, '{0,cached}', 'false'), created_at = timezone('utc', now()),
			execution_time = (extract(epoch FROM clock_timestamp() - began) * 1000)::integer
		FROM (SELECT result) AS refresh (result)
		WHERE c.project_id = entry.project_id AND c.event_type = entry.event_type AND c.event_key IS NOT DISTINCT FROM entry.event_key
			AND refresh.result <> '[]';
		refreshed := refreshed + 1;
	END LOOP;
	RETURN refreshed;
END
$$;
COMMENT ON FUNCTION openreplay.refresh_top_values() IS
	'Counts the most frequent values again that were asked for within the last hour, and forgets the others. Returns how many.';

-- ---- messages that nobody could be given ----

CREATE FUNCTION openreplay.forget_undelivered(keep interval DEFAULT '30 days') RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH gone AS (
		DELETE FROM openreplay.outbox o WHERE o.receiver IS NOT NULL AND o.given_up AND o.queued_at < now() - keep RETURNING 1
	)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION openreplay.forget_undelivered(interval) IS 'Deletes messages that were given up and are older than a month, or keep.';

-- ---- all periodic work ----

/*
 * What is done periodically, by whom it may be done: the launcher's processes, pg_cron, anybody by hand. Each run is
 * noted before it begins and when it is over; an advisory lock of the session keeps a second one away, and goes with the
 * connection of one that was killed. What commits as it goes along cannot catch its errors: such a run is known to have
 * failed because it is over and was never noted to be.
 */
CREATE FUNCTION openreplay.install_work() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('openreplay.work_log') IS NULL THEN
		CREATE TABLE openreplay.work_log (
			run_id			bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
			name			text NOT NULL,
			run_by			text NOT NULL,
			pid				integer NOT NULL,
			started_at		timestamptz NOT NULL DEFAULT clock_timestamp(),
			ended_at		timestamptz,
			result			text,
			error			text
		);
		-- the last run of each, and expiry
		CREATE INDEX ON openreplay.work_log (name, started_at);
	END IF;
	COMMENT ON TABLE openreplay.work_log IS 'Runs of the periodic work, of the last week; openreplay.work_runs shows them.';

	IF to_regclass('openreplay.work_runs') IS NULL THEN
		CREATE VIEW openreplay.work_runs AS
			SELECT w.run_id, w.name, w.run_by, w.started_at, coalesce(w.ended_at, CASE WHEN r.runs THEN clock_timestamp() END) - w.started_at AS took,
				CASE WHEN w.ended_at IS NOT NULL AND w.error IS NULL THEN 'done' WHEN w.ended_at IS NULL AND r.runs THEN 'running' ELSE 'failed' END AS state,
				w.result, CASE WHEN w.ended_at IS NULL AND NOT r.runs THEN 'ended without a word: whoever ran it has the reason in its log' ELSE w.error END AS error
			FROM openreplay.work_log w, LATERAL (
				SELECT w.ended_at IS NULL AND EXISTS (
					SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.pid = w.pid AND l.objsubid = 1
						AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
						AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('openreplay.run_work ' || w.name, 0)
				) AND NOT EXISTS (SELECT FROM openreplay.work_log n WHERE n.name = w.name AND n.run_id > w.run_id) AS runs) r;
	END IF;
	COMMENT ON VIEW openreplay.work_runs IS
		'Runs of the periodic work, of the last week: what, by whom, when, how long, whether it is done, running or failed, and what it says.';
	GRANT SELECT ON openreplay.work_runs TO openreplay_reader, openreplay_admin;
END
$$;
COMMENT ON FUNCTION openreplay.install_work() IS 'Creates the missing table and view of periodic work.';

CREATE FUNCTION openreplay.periodic_work()
RETURNS TABLE (name text, period interval, cron text, is_long boolean, query text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 12 SET search_path = pg_catalog, pg_temp AS $$
	SELECT * FROM (VALUES
		('evaluate_alerts', interval '1 minute', '* * * * *', false,
		 'SELECT format(''%s evaluated, %s met, %s failed'', count(*), count(*) FILTER (WHERE is_met), count(error)) FROM openreplay.evaluate_alerts()'),
		('refresh_top_values', interval '5 minutes', '*/5 * * * *', false, 'SELECT openreplay.refresh_top_values()'),
		('count_sessions', interval '30 minutes', '*/30 * * * *', false, 'SELECT openreplay.count_project_days(now() - interval ''2 days'')'),
		('make_partitions', interval '5 minutes', '*/5 * * * *', true,
		 'SELECT format(''%s%s%s new months'', openreplay.ensure_batch_partitions(), openreplay.ensure_pass_partitions(), openreplay.ensure_session_partitions())'),
		('expire_live_state', interval '5 minutes', '*/5 * * * *', true, 'SELECT openreplay.expire_live_state()'),
		('drop_old_passes', interval '5 minutes', '*/5 * * * *', true, NULL),
		('run_jobs', interval '5 minutes', '*/5 * * * *', true, NULL),
		('apply_retention', interval '5 minutes', '*/5 * * * *', true, NULL),
		('drop_stored_batches', interval '5 minutes', '*/5 * * * *', true, NULL),
		('forget_undelivered', interval '1 day', '5 3 * * *', true, 'SELECT openreplay.forget_undelivered()'),
		('forget_assets', interval '1 day', '35 3 * * *', true, 'SELECT openreplay.forget_assets()'),
		('forget_event_values', interval '1 day', '5 4 * * *', true, NULL),
		('clear_metadata', interval '1 hour', '50 * * * *', true, NULL),
		('recount_sessions', interval '7 days', '0 5 * * 0', true, 'SELECT openreplay.count_project_days(''-infinity'')')
	) AS t (name, period, cron, is_long, query)
$$;
COMMENT ON FUNCTION openreplay.periodic_work() IS
	'The periodic work, in the order in which keep_house() does it. period: how often, at most; cron: when, for pg_cron; is_long: whether it may take long, so that it must not hold up the others; query: what it is, with the result for the history, or NULL for a procedure of its name.';

CREATE FUNCTION openreplay.due_work(is_long boolean) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 6 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT w.name FROM openreplay.periodic_work() WITH ORDINALITY w (name, period, cron, is_long, query, n)
	WHERE w.is_long = $1
		-- whoever wakes on the minute is sometimes early; a clock that was set back must not stop anything
		AND NOT EXISTS (SELECT FROM openreplay.work_log l
						WHERE l.name = w.name AND l.started_at > now() - w.period + interval '10 seconds' AND l.started_at <= now())
	ORDER BY w.n
$$;
COMMENT ON FUNCTION openreplay.due_work(boolean) IS 'The periodic work, long or short, that was not begun within its period.';

CREATE FUNCTION openreplay.begin_work(name text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	DELETE FROM openreplay.work_log l WHERE l.name = $1 AND l.started_at < now() - interval '7 days';
	INSERT INTO openreplay.work_log (name, run_by, pid)
	SELECT $1, coalesce((SELECT CASE WHEN a.backend_type = 'client backend' THEN coalesce(nullif(a.application_name, ''), a.usename) ELSE a.backend_type END
						 FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()), 'somebody'), pg_backend_pid()
	RETURNING run_id
$$;
COMMENT ON FUNCTION openreplay.begin_work(text) IS 'Notes that a run of periodic work begins; for openreplay.run_work().';

CREATE FUNCTION openreplay.end_work(run_id bigint, result text, error text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	UPDATE openreplay.work_log l SET ended_at = clock_timestamp(), result = left($2, 500), error = left($3, 2000) WHERE l.run_id = $1 AND l.ended_at IS NULL
$$;
COMMENT ON FUNCTION openreplay.end_work(bigint, text, text) IS 'Notes that a run of periodic work is over; for openreplay.run_work().';

CREATE FUNCTION openreplay.fail_work(name text, error text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT openreplay.end_work(l.run_id, NULL, $2) FROM openreplay.work_log l WHERE l.name = $1 AND l.pid = pg_backend_pid() AND l.ended_at IS NULL;
	SELECT pg_advisory_unlock_all();
$$;
COMMENT ON FUNCTION openreplay.fail_work(text, text) IS 'Notes that a run of this process failed, and gives back its lock; for the launcher''s processes.';

CREATE PROCEDURE openreplay.run_work(name text, only_if_due boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
	work record;
	lock bigint := pg_catalog.hashtextextended('openreplay.run_work ' || name, 0);
	run bigint;
	result text;
	failure text;
BEGIN
	SELECT w.* INTO work FROM openreplay.periodic_work() w WHERE w.name = run_work.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no periodic work "%"', name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'openreplay.periodic_work() lists it.';
	END IF;
	IF NOT pg_catalog.pg_try_advisory_lock(lock) THEN
		RAISE NOTICE '% is under way elsewhere', name;
		RETURN;
	END IF;
	IF NOT only_if_due OR EXISTS (SELECT FROM openreplay.due_work(work.is_long) d WHERE d = run_work.name) THEN
		run := openreplay.begin_work(name);
		COMMIT;
		CASE name
			WHEN 'drop_old_passes' THEN CALL openreplay.drop_old_passes();
			WHEN 'run_jobs' THEN CALL openreplay.run_jobs();
			WHEN 'apply_retention' THEN CALL openreplay.apply_retention();
			WHEN 'drop_stored_batches' THEN CALL openreplay.drop_stored_batches();
			WHEN 'forget_event_values' THEN CALL openreplay.forget_event_values();
			WHEN 'clear_metadata' THEN CALL openreplay.clear_metadata();
			ELSE
				BEGIN
					EXECUTE work.query INTO result;
				EXCEPTION WHEN OTHERS THEN
					failure := SQLERRM;
				END;
		END CASE;
		PERFORM openreplay.end_work(run, result, failure);
		COMMIT;
	END IF;
	PERFORM pg_catalog.pg_advisory_unlock(lock);
	IF failure IS NOT NULL THEN
		RAISE WARNING '% failed: %', name, failure;
	END IF;
END
$$;
COMMENT ON PROCEDURE openreplay.run_work(text, boolean) IS
	'Does a piece of the periodic work (openreplay.periodic_work()) now, or only if nobody did within its period, and notes it in openreplay.work_runs. Nothing happens while another does it.';

CREATE PROCEDURE openreplay.keep_house()
LANGUAGE plpgsql AS $$
DECLARE
	work record;
BEGIN
	FOR work IN SELECT w.name FROM openreplay.periodic_work() w WHERE w.is_long
	LOOP
		CALL openreplay.run_work(work.name);
	END LOOP;
END
$$;
COMMENT ON PROCEDURE openreplay.keep_house() IS
	'All the periodic work that keeps the tables in order, at once: partitions ahead of time, expired state away, old passes, due jobs, retention, stored batches. The launcher has each part done every few minutes; where it does not run, pg_cron can (openreplay.schedule_jobs()).';

CREATE FUNCTION openreplay.schedule_jobs() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cron_database text := current_setting('cron.database_name', true);
	is_here boolean := cron_database = current_database() AND to_regnamespace('cron') IS NOT NULL;
	statement text;
BEGIN
	IF cron_database IS NULL THEN
		RAISE NOTICE 'pg_cron is not preloaded: openreplay''s launcher does the periodic work'
			USING HINT = 'Where it does not run, CALL openreplay.keep_house() every few minutes and openreplay.evaluate_alerts() every minute.';
		RETURN;
	END IF;
	FOR statement IN
		SELECT format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', format('openreplay %s %s', current_database(), w.name), w.cron,
					  format('CALL openreplay.run_work(%L, true)', w.name), current_database())
		FROM openreplay.periodic_work() w
	LOOP
		IF is_here THEN
			EXECUTE statement;
		END IF;
		RETURN NEXT statement;
	END LOOP;
	IF NOT is_here THEN
		RAISE NOTICE 'pg_cron schedules from database "%"', cron_database USING HINT = 'Run there what this returns.';
	END IF;
END
$$;
COMMENT ON FUNCTION openreplay.schedule_jobs() IS
	'Has pg_cron do the periodic work if pg_cron lives in this database, and returns the statements that do so from pg_cron''s own; nothing without pg_cron, where the launcher does it. Run again it changes nothing.';

-- ---- issues ----

-- Names as the web frontend shows them; where it shows the type itself, so does this.
CREATE FUNCTION openreplay.issue_types()
RETURNS TABLE (type text, name text, title text, list_order integer, visible boolean, offered boolean, score integer, platform text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 24 AS $$
	SELECT * FROM (VALUES
		('js_exception', 'Errors', 'Error', 0, true, true, 1000, 'web'),
		('bad_request', 'Bad Requests', 'Bad Request', 1, true, true, 500, 'web'),
		('missing_resource', 'Missing Images', 'Missing Image', 2, true, false, 500, 'web'),
		('click_rage', 'Click Rage', 'Click Rage', 3, true, true, 500, 'web'),
		('dead_click', 'Dead Clicks', 'Dead Click', 4, true, false, 1000, 'web'),
		('memory', 'High Memory', 'High Memory Usage', 5, true, false, 1000, 'web'),
		('cpu', 'High CPU', 'High CPU', 6, true, false, 1000, 'web'),
		('crash', 'Crashes', 'Crash', 7, true, true, 1000, 'mobile'),
		('incident', 'Incidents', 'incident', 8, true, true, 100, 'web'),
		('tap_rage', 'tap_rage', 'tap_rage', -1, false, true, 500, 'mobile'),
		('mouse_thrashing', 'mouse_thrashing', 'Mouse Thrashing', -1, false, true, 50, 'web'),
		('app_crash', 'app_crash', 'app_crash', -1, false, false, 100, 'web'),
		('excessive_scrolling', 'excessive_scrolling', 'Excessive Scrolling', -1, false, false, 500, 'web'),
		('slow_resource', 'slow_resource', 'Slow Resource', -1, false, false, 100, 'web'),
		('slow_page_load', 'slow_page_load', 'Slow Page', -1, false, false, 100, 'web'),
		('custom', 'custom', 'Custom Event', -1, false, false, 100, 'web'),
		('anr', 'anr', 'anr', -1, false, false, 100, 'mobile'),
		('ml_cpu', 'ml_cpu', 'High CPU', -1, false, false, 100, 'web'),
		('ml_memory', 'ml_memory', 'High Memory Usage', -1, false, false, 100, 'web'),
		('ml_dead_click', 'ml_dead_click', 'Dead Click', -1, false, false, 100, 'web'),
		('ml_click_rage', 'ml_click_rage', 'Click Rage', -1, false, false, 100, 'web'),
		('ml_mouse_thrashing', 'ml_mouse_thrashing', 'Mouse Thrashing', -1, false, false, 100, 'web'),
		('ml_excessive_scrolling', 'ml_excessive_scrolling', 'Excessive Scrolling', -1, false, false, 100, 'web'),
		('ml_slow_resources', 'ml_slow_resources', 'Slow Resource', -1, false, false, 100, 'web')
	) AS t (type, name, title, list_order, visible, offered, score, platform)
$$;
COMMENT ON FUNCTION openreplay.issue_types() IS
	'Kinds of issues. name: in lists of kinds; title: of a single issue; list_order, visible: of lists, which show only what is visible; offered: among the filters above a list of sessions; score: what one adds to sessions.issue_score, for js_exception each error or crash.';

CREATE FUNCTION openreplay.issue_types(project_id integer)
RETURNS TABLE (type text, name text, title text, list_order integer, visible boolean, offered boolean, score integer, platform text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 8 SET search_path = pg_catalog, pg_temp AS $$
	SELECT t.* FROM openreplay.issue_types() t
	WHERE EXISTS (SELECT FROM public.issues i WHERE i.project_id = $1 AND i.type::text = t.type)
	ORDER BY t.list_order = -1, t.list_order, t.type
$$;
COMMENT ON FUNCTION openreplay.issue_types(integer) IS
	'Kinds of issues that a project had, those shown in lists first and in their order. Errors are no issues and not among them.';

-- Of a kind that comes again and again the first is shown, and the next one two seconds after it.
CREATE FUNCTION openreplay.session_issues(session_id bigint)
RETURNS TABLE ("timestamp" bigint, seq_index integer, type text, title text, context_string text, issue_id text, payload jsonb)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	apart_ms CONSTANT integer := 2000;
	shown jsonb := '{}';		-- when each kind was shown last
BEGIN
	FOR "timestamp", seq_index, type, title, context_string, issue_id, payload IN
		SELECT e.timestamp, e.seq_index, i.type, t.title, i.context_string, i.issue_id, e.payload
		FROM events_common.issues e
		JOIN public.issues i ON i.issue_id = e.issue_id
		JOIN openreplay.issue_types() t ON t.type = i.type::text
		WHERE e.session_id = session_issues.session_id
		ORDER BY e.timestamp, e.seq_index, i.type
	LOOP
		CONTINUE WHEN "timestamp" - (shown->type)::bigint < apart_ms;
		shown := shown || jsonb_build_object(type, "timestamp");
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.session_issues(bigint) IS
	'Issues of a session as its replay lists them, in the order of time: one that follows another of its kind within two seconds is left out. All of them are in events_common.issues.';

-- A series is of one tab, and so are the clicks it swallows.
CREATE FUNCTION openreplay.session_clicks(session_id bigint)
RETURNS TABLE ("timestamp" bigint, message_id bigint, type text, count integer, label text, selector text, url text, path text,
	hesitation integer, normalized_x numeric, normalized_y numeric)
LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
	WITH click AS (
		SELECT *, c.message_id >> 48 AS tab,
			   row_number() OVER (PARTITION BY c.message_id >> 48 ORDER BY c.timestamp, c.message_id) AS n
		FROM events.clicks c WHERE c.session_id = $1
	), rage AS (
		SELECT c.tab, c.n, greatest(coalesce((e.payload->'Count')::integer, 3), 1) AS count
		FROM events_common.issues e
		JOIN public.issues i ON i.issue_id = e.issue_id AND i.type = 'click_rage'
		JOIN click c ON c.timestamp = e.timestamp AND c.message_id % 2147483647 = e.seq_index
		WHERE e.session_id = $1
	)
	SELECT c.timestamp, c.message_id, CASE WHEN r.n IS NULL THEN 'CLICK' ELSE 'CLICKRAGE' END, r.count, c.label, c.selector,
		   c.url, c.path, c.hesitation, c.normalized_x, c.normalized_y
	FROM click c
	LEFT JOIN rage r ON r.tab = c.tab AND r.n = c.n
	WHERE NOT EXISTS (SELECT FROM rage s WHERE s.tab = c.tab AND c.n > s.n AND c.n < s.n + s.count)
	ORDER BY c.timestamp, c.message_id
$$;
COMMENT ON FUNCTION openreplay.session_clicks(bigint) IS
	'Clicks of a session as its replay lists them, in the order of time: a series in rage is one row of type CLICKRAGE, with the count of its clicks. Each click is in events.clicks.';

-- ==== 14. Watching =================================================================================================

-- Functions for their setting: 64 index look-ups a server look expensive to the planner, but compiling them takes seconds.
CREATE FUNCTION openreplay.batches_waiting() RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
BEGIN
	RETURN (SELECT coalesce(sum(waiting), 0) FROM openreplay.lanes);
END
$$;
COMMENT ON FUNCTION openreplay.batches_waiting() IS 'How many entries wait behind the positions of all lanes.';

CREATE FUNCTION openreplay.read_status()
RETURNS TABLE (running boolean, workers bigint, lanes_waiting bigint, batches_waiting bigint, oldest_waiting timestamptz, lag_ms bigint,
	batches_per_second numeric, messages_per_second numeric, live_sessions bigint, batches_parked bigint, batches_broken bigint,
	outbox_pending bigint, outbox_failed bigint, last_heartbeat timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	most CONSTANT bigint := 10000;
BEGIN
	running := (SELECT p.running AND p.system_identifier = (pg_control_system()).system_identifier
				AND p.database_oid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
				FROM openreplay.pipeline p);
	workers := (SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'openreplay worker' AND a.datname = current_database());
	SELECT count(*) FILTER (WHERE l.waiting > 0), coalesce(sum(l.waiting), 0), min(l.oldest_waiting)
	INTO lanes_waiting, batches_waiting, oldest_waiting FROM openreplay.lanes l;
	lag_ms := coalesce(greatest(extract(epoch FROM clock_timestamp() - oldest_waiting) * 1000, 0), 0)::bigint;
	SELECT round(coalesce(sum(q.entries), 0) / 60.0, 1), round(coalesce(sum(q.messages), 0) / 60.0, 1)
	INTO batches_per_second, messages_per_second FROM openreplay.passes q WHERE q.passed_at > now() - interval '1 minute';
	live_sessions := (SELECT count(*) FROM openreplay.live_sessions l WHERE l.ended_at IS NULL);
	batches_parked := (SELECT count(*) FROM (SELECT FROM openreplay.parked_batches LIMIT most) b);
	batches_broken := (SELECT count(*) FROM (SELECT FROM openreplay.broken_batch_log LIMIT most) b);
	outbox_pending := (SELECT count(*) FROM (SELECT FROM openreplay.outbox o WHERE NOT o.given_up LIMIT most) o);
	outbox_failed := (SELECT count(*) FROM (SELECT FROM openreplay.outbox o WHERE o.given_up LIMIT most) o);
	last_heartbeat := (SELECT max(h.noted_at) FROM openreplay.heartbeats h);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION openreplay.read_status() IS
	'What the view openreplay.status shows. Workers run if running is true and there are some; lag_ms is the age of the oldest entry that waits (0: none); rates are of the last minute; parked, broken and outbox are counted to 10,000. Cheap enough for every second, whatever waits.';

/*
 * Event tables have no foreign keys; what they would say, and what only this design promises, is proved here. Each query
 * gives an example of what is wrong, one a row.
 */
CREATE FUNCTION openreplay.check() RETURNS TABLE (problem text, place text, rows bigint, example text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
	rule record;
BEGIN
	FOR rule IN
		SELECT 'rows of no session' AS problem, t::text AS place,
			format('SELECT e.session_id FROM %s e WHERE NOT EXISTS (SELECT FROM public.sessions s WHERE s.session_id = e.session_id)', t) AS query
		FROM openreplay.session_tables() t WHERE t <> 'public.sessions'::regclass
		UNION ALL
		SELECT * FROM (VALUES
			('errors that nobody knows', 'events.errors',
				'SELECT e.session_id FROM events.errors e WHERE NOT EXISTS (SELECT FROM public.errors d WHERE d.error_id = e.error_id)'),
			('tags of no error', 'public.errors_tags',
				'SELECT t.session_id FROM public.errors_tags t WHERE NOT EXISTS (SELECT FROM events.errors e
				 WHERE e.session_id = t.session_id AND e.message_id = t.message_id AND e.error_id = t.error_id)'),
			('issues that nobody knows', 'events_common.issues',
				'SELECT e.session_id FROM events_common.issues e WHERE NOT EXISTS (SELECT FROM public.issues d WHERE d.issue_id = e.issue_id)'),
			('crashes that nobody knows', 'events_common.crashes',
				'SELECT e.session_id FROM events_common.crashes e WHERE NOT EXISTS (SELECT FROM public.crashes_ios d WHERE d.crash_ios_id = e.crash_ios_id)'),
			('tags that nobody knows', 'events.tags',
				'SELECT e.session_id FROM events.tags e WHERE NOT EXISTS (SELECT FROM public.tags d WHERE d.tag_id = e.tag_id)'),
			('values twice', 'public.autocomplete',
				'SELECT a.value FROM public.autocomplete a GROUP BY a.project_id, a.type, a.value HAVING count(*) > 1'),
			('ended sessions whose counters are not their rows', 'public.sessions',
				'SELECT s.session_id FROM public.sessions s, openreplay.session_counts(s.session_id, s.start_ts) n
				 WHERE s.duration IS NOT NULL
				 AND NOT EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = s.session_id AND l.ended_at IS NULL)
				 AND (s.pages_count, s.events_count, s.errors_count, s.issue_score, s.issue_types::text[])
				 IS DISTINCT FROM (n.pages_count, n.events_count, n.errors_count, n.issue_score, n.issue_types)'),
			('sequences that are not their sessions'' events', 'openreplay.session_events',
				'SELECT coalesce(q.session_id, p.session_id) FROM
				 (SELECT q.session_id, sum(hashtextextended(format(''%s %s %s %s'', x.kind, x."timestamp", v.value, v.details), 0)::numeric) AS sum
				  FROM openreplay.session_events q CROSS JOIN openreplay.sequence_events(q.events, q.start_ts) x
				  LEFT JOIN openreplay.event_values v ON v.project_id = q.project_id AND v.kind = x.kind AND v.value_id = x.value_id
				  GROUP BY q.session_id) q
				 FULL JOIN
				 (SELECT p.session_id, sum(hashtextextended(format(''%s %s %s %s'', p.kind, p."timestamp", p.value, p.details), 0)::numeric) AS sum
				  FROM openreplay.plain_events(NULL) p
				  WHERE EXISTS (SELECT FROM public.sessions s WHERE s.session_id = p.session_id AND s.has_sequence)
				  GROUP BY p.session_id) p ON p.session_id = q.session_id
				 WHERE q.sum IS DISTINCT FROM p.sum'),
			('sessions that only seem to have a sequence, or not to', 'public.sessions',
				'SELECT coalesce(s.session_id, q.session_id) FROM (SELECT * FROM public.sessions WHERE has_sequence) s
				 FULL JOIN openreplay.session_events q ON q.session_id = s.session_id
				 WHERE (s.project_id, s.start_ts) IS DISTINCT FROM (q.project_id, q.start_ts) OR s.duration IS NULL
				 OR EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = s.session_id AND l.ended_at IS NULL)'),
			('sessions that nobody will end', 'public.sessions',
				'SELECT s.session_id FROM public.sessions s WHERE s.duration IS NULL
				 AND NOT EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = s.session_id)
				 AND EXISTS (SELECT FROM openreplay.batches b WHERE b.session_id = s.session_id)'),
			('months without bounds of start_ts', 'public.sessions',
				'SELECT p.partition FROM openreplay.partitions_of(''public.sessions'') p WHERE NOT EXISTS (SELECT FROM pg_constraint c
				 WHERE c.conrelid = p.partition AND c.conname = ''start_ts_in_month'' AND c.convalidated)'),
			('indexes that are not valid', 'pg_index',
				'SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE NOT i.indisvalid
				 AND c.relnamespace::regnamespace::text IN (''openreplay'', ''public'', ''events'', ''events_common'', ''events_ios'')'),
			('entries that arrived before the one ahead of them', 'openreplay.batches',
				'SELECT format(''server %s, shard %s, seq %s'', b.server_id, b.shard, b.seq) FROM (SELECT server_id, shard, seq, received_at,
				 lag(received_at) OVER lane AS before, lag(seq) OVER lane AS ahead FROM openreplay.batches
				 WINDOW lane AS (PARTITION BY server_id, shard ORDER BY seq)) b WHERE b.received_at < b.before OR b.seq = b.ahead'),
			('entries in the lane of another shard', 'openreplay.batches',
				'SELECT b.session_id FROM openreplay.batches b WHERE b.shard <> openreplay.shard_of(b.session_id)'),
			('entries that were passed twice', 'openreplay.passes',
				'SELECT format(''server %s, shard %s, seq %s'', p.server_id, p.shard, p.seq) FROM openreplay.passes p WHERE p.entries > 0
				 GROUP BY p.server_id, p.shard, p.seq HAVING count(*) > 1'),
			('states of no session', 'openreplay.live_sessions',
				'SELECT l.session_id FROM openreplay.live_sessions l WHERE NOT EXISTS (SELECT FROM public.sessions s
				 WHERE s.session_id = l.session_id AND s.project_id = l.project_id)'),
			('states in another shard', 'openreplay.live_sessions',
				'SELECT l.session_id FROM openreplay.live_sessions l WHERE l.shard <> openreplay.shard_of(l.session_id)'),
			('parked although their session has started', 'openreplay.parked_batches',
				'SELECT p.session_id FROM openreplay.parked_batches p JOIN openreplay.live_sessions l USING (session_id)'),
			('parked without an entry', 'openreplay.parked_batches',
				'SELECT p.session_id FROM openreplay.parked_batches p WHERE NOT EXISTS (SELECT FROM openreplay.batches b
				 WHERE b.server_id = p.server_id AND b.shard = p.shard AND b.seq = p.seq AND b.received_at = p.received_at)'),
			('deleted sessions that are there', 'openreplay.deleted_sessions',
				'SELECT d.session_id FROM openreplay.deleted_sessions d WHERE EXISTS (SELECT FROM public.sessions s WHERE s.session_id = d.session_id)
				 OR EXISTS (SELECT FROM openreplay.live_sessions l WHERE l.session_id = d.session_id)
				 OR EXISTS (SELECT FROM openreplay.parked_batches p WHERE p.session_id = d.session_id)'),
			('recordings of no session', 'openreplay.outbox',
				'SELECT o.key FROM openreplay.outbox o WHERE o.kind = ''recording'' AND o.followed_by IS DISTINCT FROM ''remove''
				 AND NOT EXISTS (SELECT FROM public.sessions s WHERE s.session_id = o.key::bigint)'),
			('ended sessions whose recording nobody stores', 'openreplay.outbox',
				'SELECT l.session_id FROM openreplay.live_sessions l WHERE l.ended_at IS NOT NULL
				 AND NOT EXISTS (SELECT FROM openreplay.outbox o WHERE o.kind = ''recording'' AND o.key = l.session_id::text)
				 AND NOT EXISTS (SELECT FROM openreplay.stored_recordings r WHERE r.session_id = l.session_id)'),
			('claims of unknown uploaders', 'openreplay.outbox',
				'SELECT o.claimed_by FROM openreplay.outbox o WHERE o.claimed_by IS NOT NULL
				 AND NOT EXISTS (SELECT FROM openreplay.uploaders u WHERE u.worker = o.claimed_by)')
		) AS r (problem, place, query)
	LOOP
		EXECUTE format('SELECT count(*), min(w.example::text) FROM (%s) AS w (example)', rule.query) INTO rows, example;
		CONTINUE WHEN rows = 0;
		problem := rule.problem;
		place := rule.place;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.check() IS
	'What is wrong in this database, one row a problem, with an example (mostly a session id); nothing when all is well. Reads every table, so it takes its time; it may run beside everything else.';

-- ==== 15. Installation =============================================================================================

CREATE FUNCTION openreplay.release_members() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	object record;
BEGIN
	-- GRANT inside an extension script marks the privileges as the extension's own, and pg_dump leaves them out. Of
	-- members the mark goes with the membership, so tables that were released long ago become members once more.
	FOR object IN
		SELECT i.type, i.identity
		FROM pg_init_privs p
		JOIN pg_class c ON c.oid = p.objoid,
			pg_identify_object(p.classoid, p.objoid, 0) AS i
		WHERE p.privtype = 'e' AND p.classoid = 'pg_class'::regclass AND p.objsubid = 0
			AND c.relnamespace::regnamespace::text
				IN ('openreplay', 'public', 'events', 'events_common', 'events_ios', 'or_cache', 'spots')
			AND NOT EXISTS (SELECT FROM pg_depend d
							WHERE d.classid = p.classoid AND d.objid = p.objoid AND d.deptype = 'e')
	LOOP
		EXECUTE format('ALTER EXTENSION openreplay ADD %s %s', object.type, object.identity);
	END LOOP;

	-- Schemas last: what they hold is released by then.
	FOR object IN
		SELECT i.type, i.identity
		FROM pg_depend d
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'openreplay',
			pg_identify_object(d.classid, d.objid, 0) AS i
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
			AND d.classid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
		ORDER BY i.type = 'schema', d.objid
	LOOP
		EXECUTE format('ALTER EXTENSION openreplay DROP %s %s', object.type, object.identity);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.release_members() IS
	'Releases tables, sequences, types, views and schemas from the extension, so that dumps carry them with their rows.';

CREATE FUNCTION openreplay.install_columns() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	item record;
BEGIN
	-- looked up first: ALTER TABLE would wait for every reader, also where the column is there
	FOR item IN
		SELECT * FROM (VALUES
			('public.sessions', 'remains', 'bytea'),
			('public.sessions', 'has_sequence', 'boolean NOT NULL DEFAULT false'),
			('openreplay.stored_recordings', 'files', 'text[]'),
			('openreplay.stored_recordings', 'batches_gone', 'boolean NOT NULL DEFAULT false')
		) AS c (relation, name, definition)
		WHERE to_regclass(c.relation) IS NOT NULL
			AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(c.relation) AND a.attname = c.name)
	LOOP
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', item.relation, item.name, item.definition);
	END LOOP;
END
$$;
COMMENT ON FUNCTION openreplay.install_columns() IS 'Adds the columns that tables of an earlier build lack.';

CREATE FUNCTION openreplay.install() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning AS $$
DECLARE
	missing text[];
BEGIN
	PERFORM openreplay.install_roles();
	-- What pg_dump sets in the scripts it writes: the tables are about to come from there.
	IF current_setting('row_security')::boolean IS FALSE THEN
		RETURN;
	END IF;

	PERFORM pg_advisory_xact_lock(hashtextextended('openreplay.install', 0));
	-- The operator classes of trigram indexes are where pg_trgm is.
	PERFORM set_config('search_path', format('pg_catalog, %I, pg_temp', n.nspname), true)
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'pg_trgm';

	missing := ARRAY(SELECT name FROM openreplay.product_tables() AS name WHERE to_regclass(name) IS NULL);
	PERFORM openreplay.install_types();
	PERFORM openreplay.install_columns();
	PERFORM openreplay.install_accounts();
	PERFORM openreplay.install_projects();
	PERFORM openreplay.install_sessions();
	PERFORM openreplay.install_distinct_things();
	PERFORM openreplay.install_web_events();
	PERFORM openreplay.install_common_events();
	PERFORM openreplay.install_sequences();
	PERFORM openreplay.install_dashboards();
	PERFORM openreplay.install_spots();
	PERFORM openreplay.install_links();
	PERFORM openreplay.install_engine();
	PERFORM openreplay.install_alerts();
	PERFORM openreplay.install_outbox();
	PERFORM openreplay.install_retention();
	PERFORM openreplay.install_work();
	PERFORM openreplay.install_metadata();
	PERFORM openreplay.ensure_session_partitions();
	PERFORM openreplay.grant_tables(missing);
	PERFORM openreplay.release_members();
END
$$;
COMMENT ON FUNCTION openreplay.install() IS
	'Creates whatever tables, types, partitions, triggers and defaults are missing; run it at any time, '
	'it changes nothing that is there. Does nothing while a dump is being restored.';

SELECT openreplay.install();

-- Says who does the periodic work; scheduling it is a decision of the operator.
DO $$
BEGIN
	IF current_setting('cron.database_name', true) IS NULL THEN
		RAISE NOTICE 'pg_cron is not preloaded: openreplay''s launcher does the periodic work';
	ELSE
		RAISE NOTICE 'pg_cron is here: SELECT openreplay.schedule_jobs() has it do openreplay''s periodic work';
	END IF;
END
$$;

-- ==== 16. Who may call what ========================================================================================

REVOKE ALL ON ALL ROUTINES IN SCHEMA openreplay FROM PUBLIC;
REVOKE ALL ON FUNCTION public.generate_api_key(integer), public.openreplay_version(),
	public.notify_project(), public.notify_integration(), public.notify_alert() FROM PUBLIC;

GRANT USAGE ON SCHEMA openreplay TO openreplay_ingest, openreplay_uploader, openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION public.openreplay_version(), openreplay.session_id_at(timestamptz),
	openreplay.session_time(bigint), openreplay.product_tables(), openreplay.session_tables()
	TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION public.generate_api_key(integer), openreplay.ensure_session_partitions(timestamptz, integer)
	TO openreplay_admin;

GRANT EXECUTE ON FUNCTION openreplay.register_server(text), openreplay.take_lanes(integer, integer, integer, text),
	openreplay.ensure_batch_partitions(timestamptz, integer), openreplay.heartbeat(integer, timestamptz),
	openreplay.project_snapshot() TO openreplay_ingest;
GRANT EXECUTE ON FUNCTION openreplay.session_project(bigint), openreplay.usability_test(integer, integer) TO openreplay_ingest;
GRANT EXECUTE ON FUNCTION openreplay.session_project(bigint) TO openreplay_uploader;
GRANT EXECUTE ON FUNCTION openreplay.decompress_body(bytea) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.batches_waiting(), openreplay.messages(bigint), openreplay.decode_batch(bytea),
	openreplay.last_message_ms(bytea, bigint), openreplay.last_message_ms(bigint),
	openreplay.recording(bigint, text), openreplay.recording_files(bigint), openreplay.recording_urls(bigint, interval), openreplay.images(bigint), openreplay.decode_images(bytea), openreplay.shard_of(bigint),
	openreplay.session_counts(bigint, bigint), openreplay.issue_types(), openreplay.issue_types(integer),
	openreplay.session_issues(bigint), openreplay.session_clicks(bigint), openreplay.detect(bigint, jsonb), openreplay.threshold_catalogue(),
	openreplay.detector_thresholds(integer) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.sign_url(text, text, interval, timestamptz) TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.start(), openreplay.stop(), openreplay.process_batches(),
	openreplay.end_sessions(timestamptz), openreplay.set_detector_threshold(integer, text, bigint),
	openreplay.reset_detector_thresholds(integer, text), openreplay.append_batch(bigint, bytea, timestamptz, "char")
	TO openreplay_admin;

GRANT EXECUTE ON FUNCTION openreplay.evaluate_flags(integer, jsonb), openreplay.give_flags(bigint, integer, jsonb),
	openreplay.webcam_upload_url(bigint) TO openreplay_ingest;
GRANT EXECUTE ON FUNCTION openreplay.evaluate_flags(integer, jsonb), openreplay.match_flags(integer, jsonb),
	openreplay.flag_bucket(integer, text, text), openreplay.flag_vocabulary(), openreplay.feature_flag(integer),
	openreplay.search_feature_flags(integer, text, boolean, integer, integer, integer, text) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.refuse_flag(text, text), openreplay.check_percentage(text, jsonb), openreplay.check_flag_filter(text, jsonb),
	openreplay.check_flag(jsonb), openreplay.conditions_of_flag(jsonb), openreplay.save_feature_flag(integer, jsonb, integer, integer),
	openreplay.set_feature_flag_active(integer, boolean), openreplay.delete_feature_flag(integer) TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.claim_outbox(text, text[], integer), openreplay.claim_deliveries(text, text[], integer), openreplay.finish_outbox(bigint, text, text[]), openreplay.holds_outbox(bigint, text),
	openreplay.fail_outbox(bigint, text, text, boolean), openreplay.beat_outbox(text), openreplay.release_outbox(text),
	openreplay.is_copied(text, interval), openreplay.note_asset(text, text, text), openreplay.queue_recordings(bigint[])
	TO openreplay_uploader;
GRANT EXECUTE ON FUNCTION openreplay.is_copied(text, interval) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.forget_assets() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.retry_outbox(bigint, text), openreplay.queue_outbox(text, jsonb, text),
	openreplay.queue_recordings(bigint[]) TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.selector_fault(text), openreplay.tags(integer, integer), openreplay.condition_types(),
	openreplay.capture_conditions(integer), openreplay.usability_test_statistics(integer), openreplay.usability_task_statistics(integer),
	openreplay.usability_answers(integer) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.save_tag(integer, text, text, boolean, boolean, text, integer), openreplay.delete_tag(integer),
	openreplay.check_capture_rules(jsonb), openreplay.save_capture_conditions(integer, jsonb), openreplay.save_usability_test(integer, jsonb, integer, integer),
	openreplay.delete_usability_test(integer) TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.notifications(integer, integer), openreplay.count_notifications(integer), openreplay.announcements(integer),
	openreplay.alert_metrics(), openreplay.alert_metric_value(integer, text, timestamptz, timestamptz), openreplay.minutes_of(jsonb, text, integer),
	openreplay.alert_frequency(text, jsonb), openreplay.alert_value(integer, timestamptz), openreplay.alert_figure(integer, timestamptz, timestamptz),
	openreplay.alert_figure_name(integer), openreplay.compare(numeric, text, numeric),
	openreplay.show_number(numeric), openreplay.due_alerts(timestamptz) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.view_notifications(integer, integer[], timestamptz, timestamptz), openreplay.view_announcements(integer),
	openreplay.save_webhook(text, text, text, text, integer), openreplay.delete_webhook(integer), openreplay.check_alert(jsonb),
	openreplay.save_alert(integer, jsonb, integer), openreplay.delete_alert(integer), openreplay.evaluate_alerts(timestamptz) TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.check() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.read_status() TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.retention_of_projects(), openreplay.partitions_of(regclass), openreplay.why_batches_stay(regclass)
	TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.set_retention(integer, integer), openreplay.reset_retention(integer),
	openreplay.drop_one_detached(), openreplay.detach_passes(regclass), openreplay.lane_ends(regclass),
	openreplay.detach_batches(regclass, text), openreplay.delete_some_sessions(integer, text, integer),
	openreplay.delete_user_traces(integer, text), openreplay.stop_project(integer), openreplay.delete_empty_project(integer),
	openreplay.delete_expired_sessions(integer), openreplay.expired_months(), openreplay.queue_removal_of_month(bigint, bigint, bigint[]),
	openreplay.clear_batches(regclass, bigint, bigint, bigint[]), openreplay.shed_events(regclass, bigint, bigint, bigint[]),
	openreplay.shed_sessions(bigint, bigint), openreplay.take_job(), openreplay.work_on_job(integer),
	openreplay.ensure_pass_partitions(timestamptz), openreplay.ensure_batch_partitions(timestamptz, integer),
	openreplay.expire_live_state() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.periodic_work(), openreplay.due_work(boolean), openreplay.top_value_sources(),
	openreplay.count_top_values(integer, text, text), openreplay.top_values(integer, text, text), openreplay.jobs(integer, integer, integer),
	openreplay.job(integer, integer) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.erase_user(integer, text, timestamptz), openreplay.cancel_job(integer, integer),
	openreplay.count_project_days(timestamptz), openreplay.refresh_top_values(), openreplay.forget_undelivered(interval),
	openreplay.begin_work(text), openreplay.end_work(bigint, text, text) TO openreplay_admin;
GRANT EXECUTE ON PROCEDURE openreplay.run_work(text, boolean), openreplay.keep_house(), openreplay.drop_detached(), openreplay.drop_old_passes(interval),
	openreplay.drop_stored_batches(), openreplay.delete_user_sessions(integer, text), openreplay.delete_project(integer),
	openreplay.shed_month(bigint, bigint), openreplay.apply_retention(), openreplay.run_jobs() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.event_kinds(), openreplay.plain_events(bigint[]), openreplay.sequence_events(bytea, bigint),
	openreplay.add_step_value(internal, integer[], integer, integer), openreplay.packed_step_values(internal),
	openreplay.step_values(integer[], integer, integer), openreplay.follow_sequence(bytea, bigint, bigint, bigint, bytea)
	TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.forget_session_events(bigint[]), openreplay.backfill_some_sessions(integer, bigint, bigint, integer)
	TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.condemn_event_values(), openreplay.delete_condemned_values() TO openreplay_admin;
GRANT EXECUTE ON PROCEDURE openreplay.backfill_session_events(integer, timestamptz, timestamptz), openreplay.forget_event_values() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.filter_catalogue(), openreplay.follow_steps(integer[], integer, bigint, bigint),
	openreplay.matching_sessions(integer, jsonb), openreplay.count_sessions(integer, jsonb, timestamptz, timestamptz, integer),
	openreplay.search_sessions(integer, jsonb, integer), openreplay.explain_sessions(integer, jsonb) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.check_filter(integer, jsonb), openreplay.camel_case(text), openreplay.camel_keys(jsonb), openreplay.search(integer, jsonb, integer),
	openreplay.session_metadata(bigint), openreplay.session(bigint, integer), openreplay.session_activity(bigint), openreplay.number_of(jsonb, text, text),
	openreplay.search_errors(integer, jsonb, integer), openreplay.error_chart(text, bigint, bigint, integer), openreplay.error(text, integer, integer, integer, timestamptz),
	openreplay.autocomplete(integer, text, text), openreplay.metadata_keys(integer), openreplay.metadata_values(integer, text, text, integer),
	openreplay.session_notes(bigint, integer), openreplay.search_notes(integer, integer, jsonb), openreplay.flat_filter(jsonb),
	openreplay.saved_searches(integer, integer) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.set_favorite_session(bigint, integer, boolean), openreplay.view_session(bigint, integer), openreplay.view_error(text, integer),
	openreplay.set_error_status(text, text), openreplay.save_note(bigint, integer, jsonb, integer), openreplay.delete_note(integer, integer),
	openreplay.save_search(integer, integer, text, jsonb, boolean, integer), openreplay.delete_search(integer, integer) TO openreplay_admin;

-- ---- cards ----

GRANT EXECUTE ON FUNCTION openreplay.card_catalogue(), openreplay.merge_filters(jsonb, jsonb), openreplay.try_card(integer, jsonb, integer) TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.journey(integer, jsonb), openreplay.path_values(bigint[]), openreplay.add_path(internal, bigint[], integer), openreplay.packed_path_links(internal), openreplay.path_links(bigint[], integer), openreplay.sequence_path(bytea, bigint, bigint, bigint, bigint[], bigint[], integer, boolean), openreplay.funnel(integer, jsonb), openreplay.count_runs(integer[], integer[], bigint[], bigint[]), openreplay.funnel_sessions(integer, jsonb, integer, boolean),
	openreplay.issue_significance(bigint, bigint, bigint, bigint), openreplay.funnel_issues(integer, jsonb), openreplay.card_issues(integer, jsonb),
	openreplay.issue_sessions(integer, jsonb, text), openreplay.list_sessions(bigint[], integer),
	openreplay.card_issue_sessions(integer, jsonb, text, integer) TO openreplay_reader, openreplay_admin;

-- ---- predefined cards, maps, users ----

GRANT EXECUTE ON FUNCTION openreplay.card_points(integer, jsonb), openreplay.card_value(integer, jsonb),
	openreplay.vitals(integer, integer, integer, integer, text), openreplay.gather_vitals(internal, integer, integer, integer, integer, text),
	openreplay.join_vitals(internal, internal), openreplay.pack_vitals(internal), openreplay.unpack_vitals(bytea, internal), openreplay.vital_figures(internal),
	openreplay.web_vitals(integer, jsonb), openreplay.recording_places(bigint), openreplay.heatmap_points(integer, jsonb),
	openreplay.session_heatmap(bigint, text, text), openreplay.session_clickmap(bigint, text),
	openreplay.retention(integer, jsonb), openreplay.stickiness(integer, jsonb), openreplay.users_active(integer, jsonb), openreplay.users_slipping(integer, jsonb), openreplay.feature_usage(integer, jsonb), openreplay.feature_adoption(integer, jsonb), openreplay.feature_users(integer, jsonb), openreplay.insights(integer, jsonb) TO openreplay_reader, openreplay_admin;

-- ---- what users save ----

GRANT EXECUTE ON FUNCTION openreplay.note(integer, integer), openreplay.recording_status(integer, timestamptz), openreplay.error_sessions(text, timestamptz, timestamptz, integer),
	openreplay.search_events(integer, jsonb), openreplay.search_issues(integer, jsonb), openreplay.sessions_by_metadata(text, text, integer, integer), openreplay.user_summary(integer, text), openreplay.people(integer, jsonb),
	openreplay.alert_triggers(integer, integer), openreplay.period(timestamptz, timestamptz), openreplay.segment_owner(uuid, integer), openreplay.segments(integer, integer, jsonb), openreplay.segment_counts(uuid, timestamptz),
	openreplay.segment(uuid, integer, boolean), openreplay.segment_list(integer, integer, jsonb, interval), openreplay.actions(integer, integer),
	openreplay.check_card(integer, jsonb), openreplay.stored_filter(jsonb), openreplay.json_time(timestamp, integer), openreplay.card_options(jsonb),
	openreplay.card_size(jsonb), openreplay.check_card_form(jsonb), openreplay.series_of_card(integer, boolean),
	openreplay.describe_card(integer, integer, integer), openreplay.is_visible_card(integer, integer), openreplay.require_card(integer, integer),
	openreplay.saved_card(integer, integer, integer), openreplay.cards(integer, integer, jsonb), openreplay.card_list(integer, integer, jsonb, integer),
	openreplay.stored_card(integer, jsonb, integer), openreplay.card(integer, jsonb, integer), openreplay.saved_card_sessions(integer, jsonb, integer),
	openreplay.saved_card_issues(integer, jsonb, integer), openreplay.saved_card_issue_sessions(integer, text, jsonb, integer),
	openreplay.saved_card_errors(integer, jsonb, integer), openreplay.require_dashboard(integer, integer, boolean), openreplay.check_widget_config(jsonb),
	openreplay.dashboards(integer, integer), openreplay.dashboard_list(integer, integer, integer), openreplay.dashboard_widgets(integer, integer, integer),
	openreplay.dashboard(integer, integer, integer), openreplay.dashboard_charts(integer, jsonb, integer), openreplay.card_templates() TO openreplay_reader, openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.save_person(integer, text, jsonb), openreplay.set_favorite_error(text, integer, boolean), openreplay.save_segment(integer, integer, jsonb, uuid), openreplay.delete_segment(uuid, integer),
	openreplay.save_action(integer, integer, jsonb, uuid), openreplay.delete_action(uuid, integer),
	openreplay.clear_metadata_slot(integer, integer, integer), openreplay.clear_freed_metadata(integer),
	openreplay.save_metadata_key(integer, text, integer), openreplay.delete_metadata_key(integer, integer), openreplay.save_series(integer, jsonb),
	openreplay.save_card(integer, integer, jsonb, integer), openreplay.delete_card(integer, integer), openreplay.pin_dashboard(integer, integer),
	openreplay.add_cards(integer, integer, integer[], jsonb, integer), openreplay.save_dashboard(integer, integer, jsonb, integer, integer),
	openreplay.delete_dashboard(integer, integer, integer), openreplay.update_widget(integer, integer, integer, jsonb),
	openreplay.delete_widget(integer, integer, integer), openreplay.add_templates(integer, integer, text[]) TO openreplay_admin;
GRANT EXECUTE ON PROCEDURE openreplay.clear_metadata() TO openreplay_admin;
GRANT EXECUTE ON FUNCTION openreplay.explain_card(integer, jsonb), openreplay.timeseries(integer, jsonb), openreplay.progress(numeric, numeric), openreplay.compare_timeseries(integer, jsonb),
	openreplay.table_values(integer, jsonb), openreplay.list_errors(integer, jsonb, integer), openreplay.card_sessions(integer, jsonb, integer), openreplay.sessions_of_card(integer, jsonb, integer),
	openreplay.card_errors(integer, jsonb, integer), openreplay.sample_key(bigint), openreplay.count_distinct(bigint), openreplay.distinct_ids(bigint), openreplay.count_distinct(bytea), openreplay.count_times(bytea, bigint, bigint, bigint, bigint) TO openreplay_reader, openreplay_admin;
