-- What a fleet should run. Every rule that one row can be judged by is a named
-- CHECK here, so that a bad row is refused where it is written; package specs
-- repeats the rules for rows that came in past them (a push checks nothing).

CREATE TABLE mainstay_schema (
  version INT NOT NULL PRIMARY KEY,
  name    VARCHAR(255) NOT NULL
);

-- The releases of Dolt that the fleet may run. url empty: on the machine image.
CREATE TABLE versions (
  version VARCHAR(32)   NOT NULL PRIMARY KEY,
  url     VARCHAR(1024) NOT NULL DEFAULT '',
  sha256  VARCHAR(64)   NOT NULL DEFAULT '',
  note    VARCHAR(1024) NOT NULL DEFAULT '',
  CONSTRAINT versions_version_is_a_release CHECK (regexp_like(version, '^[0-9]+[.][0-9]+[.][0-9]+$')),
  CONSTRAINT versions_sha256_is_hex        CHECK (sha256 = '' OR regexp_like(sha256, '^[0-9a-f]{64}$')),
  CONSTRAINT versions_url_needs_sha256     CHECK (url = '' OR sha256 <> '')
);

-- One row is one managed database. id is what resources are tagged with and never
-- changes; name may.
CREATE TABLE deployments (
  id             VARCHAR(36)  NOT NULL PRIMARY KEY DEFAULT (uuid()),
  name           VARCHAR(63)  NOT NULL,
  owner          VARCHAR(255) NOT NULL DEFAULT '',
  zone           VARCHAR(64)  NOT NULL DEFAULT 'local',
  instance_type  VARCHAR(64)  NOT NULL DEFAULT 't3.small',
  volume_type    VARCHAR(16)  NOT NULL DEFAULT 'gp3',
  volume_gb      INT          NOT NULL DEFAULT 10,
  volume_iops    INT          NOT NULL DEFAULT 0,
  volume_mibps   INT          NOT NULL DEFAULT 0,
  dolt_version   VARCHAR(32)  NOT NULL DEFAULT '2.2.0',
  standbys       INT          NOT NULL DEFAULT 0,
  certificate    VARCHAR(16)  NOT NULL DEFAULT 'fleet',
  running        BOOLEAN      NOT NULL DEFAULT true,
  protected      BOOLEAN      NOT NULL DEFAULT false,
  retention_days INT          NOT NULL DEFAULT 7,
  UNIQUE KEY deployments_name (name),
  CONSTRAINT deployments_dolt_version_is_known FOREIGN KEY (dolt_version) REFERENCES versions (version),
  CONSTRAINT deployments_id_is_a_uuid           CHECK (regexp_like(id, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')),
  CONSTRAINT deployments_name_is_a_dns_label    CHECK (regexp_like(name, '^[a-z]([a-z0-9-]*[a-z0-9])?$')),
  CONSTRAINT deployments_zone_syntax            CHECK (regexp_like(zone, '^[a-z]([a-z0-9-]*[a-z0-9])?$')),
  CONSTRAINT deployments_instance_type_syntax   CHECK (regexp_like(instance_type, '^[a-z][a-z0-9-]*[.][a-z0-9-]+$')),
  CONSTRAINT deployments_volume_type_is_known   CHECK (volume_type IN ('gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1', 'standard')),
  CONSTRAINT deployments_volume_gb_range        CHECK (volume_gb BETWEEN 1 AND 65536),
  CONSTRAINT deployments_volume_iops_range      CHECK (volume_iops = 0 OR volume_iops BETWEEN 100 AND 256000),
  CONSTRAINT deployments_volume_mibps_range     CHECK (volume_mibps = 0 OR volume_mibps BETWEEN 125 AND 2000),
  CONSTRAINT deployments_standbys_range         CHECK (standbys BETWEEN 0 AND 5),
  CONSTRAINT deployments_certificate_is_known   CHECK (certificate IN ('fleet', 'acme')),
  CONSTRAINT deployments_running_is_boolean     CHECK (running IN (0, 1)),
  CONSTRAINT deployments_protected_is_boolean   CHECK (protected IN (0, 1)),
  CONSTRAINT deployments_retention_days_range   CHECK (retention_days BETWEEN 0 AND 3650)
);

-- Settings of one deployment's server, by the names of Dolt's config.yaml.
--   INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments WHERE name = 'orders';
CREATE TABLE settings (
  deployment VARCHAR(36)   NOT NULL,
  name       VARCHAR(128)  NOT NULL,
  value      VARCHAR(1024) NOT NULL,
  PRIMARY KEY (deployment, name),
  CONSTRAINT settings_deployment_exists FOREIGN KEY (deployment) REFERENCES deployments (id)
    ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT settings_name_syntax CHECK (regexp_like(name, '^[a-z][a-z0-9_]*([.][a-z0-9_]+)*$'))
);

-- Budgets of the whole fleet. A name without a row has the program's default.
CREATE TABLE limits (
  name  VARCHAR(64) NOT NULL PRIMARY KEY,
  value INT         NOT NULL,
  CONSTRAINT limits_name_is_known  CHECK (name IN ('max_disrupted', 'max_destroyed')),
  CONSTRAINT limits_value_range    CHECK (value BETWEEN 0 AND 1000000)
);

-- Leave to go beyond a limit, given to one commit.
CREATE TABLE approvals (
  commit_hash VARCHAR(32)   NOT NULL PRIMARY KEY,
  approved_by VARCHAR(255)  NOT NULL DEFAULT '',
  reason      VARCHAR(1024) NOT NULL DEFAULT '',
  CONSTRAINT approvals_commit_hash_is_a_hash CHECK (regexp_like(commit_hash, '^[0-9a-v]{32}$'))
);

-- The releases that every Mainstay machine image carries.
INSERT INTO versions (version, note) VALUES
  ('1.86.4', 'on the machine image; storage format 1'),
  ('2.2.0',  'on the machine image; storage format 2');
