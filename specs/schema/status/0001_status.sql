-- What the control planes saw and did. They alone write here. No foreign keys
-- and no CHECKs: a fact is recorded as it was seen. Times are UTC.

CREATE TABLE mainstay_schema (
  version INT NOT NULL PRIMARY KEY,
  name    VARCHAR(255) NOT NULL
);

-- The cloud that this fleet lives in.
CREATE TABLE world (
  id       TINYINT NOT NULL PRIMARY KEY,
  identity TEXT    NOT NULL
);

-- commit_hash is in force; head is the newest commit of main that was looked at.
CREATE TABLE applied (
  id          TINYINT     NOT NULL PRIMARY KEY,
  commit_hash VARCHAR(64) NOT NULL,
  head        VARCHAR(64) NOT NULL,
  applied_at  DATETIME(6) NOT NULL
);

CREATE TABLE findings (
  commit_hash VARCHAR(64)  NOT NULL,
  n           INT          NOT NULL,
  check_name  VARCHAR(64)  NOT NULL,
  severity    VARCHAR(16)  NOT NULL,
  table_name  VARCHAR(64)  NOT NULL,
  key_name    VARCHAR(255) NOT NULL,
  column_name VARCHAR(64)  NOT NULL,
  message     TEXT         NOT NULL,
  advice      TEXT         NOT NULL,
  PRIMARY KEY (commit_hash, n)
);

CREATE TABLE entries (
  deployment   VARCHAR(36)  NOT NULL PRIMARY KEY,
  name         VARCHAR(255) NOT NULL,
  volume_id    VARCHAR(255) NOT NULL,
  deleted_at   DATETIME(6)  NULL,
  delete_after DATETIME(6)  NULL,
  deleted_in   VARCHAR(64)  NOT NULL
);

-- A NULL volume: the slot takes over a volume that exists.
CREATE TABLE slots (
  deployment    VARCHAR(36)  NOT NULL,
  ordinal       INT          NOT NULL,
  generation    BIGINT       NOT NULL,
  token         VARCHAR(64)  NOT NULL,
  launch_index  INT          NOT NULL,
  batch         INT          NOT NULL,
  zone          VARCHAR(64)  NOT NULL,
  instance_type VARCHAR(64)  NOT NULL,
  volume_type   VARCHAR(16)  NULL,
  volume_gb     INT          NULL,
  volume_iops   INT          NULL,
  volume_mibps  INT          NULL,
  state         VARCHAR(16)  NOT NULL,
  machine_id    VARCHAR(255) NOT NULL,
  claimed_at    DATETIME(6)  NOT NULL,
  PRIMARY KEY (deployment, ordinal, generation)
);

-- Which control plane works on a deployment, until when.
CREATE TABLE claims (
  deployment VARCHAR(36)  NOT NULL PRIMARY KEY,
  holder     VARCHAR(255) NOT NULL,
  until_at   DATETIME(6)  NOT NULL
);

CREATE TABLE machines (
  id            VARCHAR(255) NOT NULL PRIMARY KEY,
  token         VARCHAR(64)  NOT NULL,
  launch_index  INT          NOT NULL,
  state         VARCHAR(16)  NOT NULL,
  zone          VARCHAR(64)  NOT NULL,
  instance_type VARCHAR(64)  NOT NULL,
  agent_address VARCHAR(255) NOT NULL,
  host          VARCHAR(255) NOT NULL
);

CREATE TABLE volumes (
  id          VARCHAR(255) NOT NULL PRIMARY KEY,
  deployment  VARCHAR(36)  NOT NULL,
  ordinal     INT          NOT NULL,
  gb          INT          NOT NULL,
  attached_to VARCHAR(255) NOT NULL,
  busy        TEXT         NOT NULL
);

CREATE TABLE agents (
  machine          VARCHAR(255) NOT NULL PRIMARY KEY,
  reachable        BOOLEAN      NOT NULL,
  since            DATETIME(6)  NOT NULL,
  error            TEXT         NOT NULL,
  enrolled         BOOLEAN      NOT NULL,
  generation       BIGINT       NOT NULL,
  order_json       LONGTEXT     NULL,
  database_state   VARCHAR(16)  NOT NULL,
  database_detail  TEXT         NOT NULL,
  database_version VARCHAR(32)  NOT NULL,
  pid              INT          NOT NULL,
  host             VARCHAR(255) NOT NULL,
  port             INT          NOT NULL,
  volume_attached  BOOLEAN      NOT NULL,
  listener_expires DATETIME(6)  NULL
);

CREATE TABLE deployments (
  id           VARCHAR(36)  NOT NULL PRIMARY KEY,
  name         VARCHAR(255) NOT NULL,
  phase        VARCHAR(32)  NOT NULL,
  ready        BOOLEAN      NOT NULL,
  role         VARCHAR(16)  NOT NULL,
  host         VARCHAR(255) NOT NULL,
  port         INT          NOT NULL,
  dolt_version VARCHAR(32)  NOT NULL,
  machine_id   VARCHAR(255) NOT NULL,
  volume_id    VARCHAR(255) NOT NULL,
  generation   BIGINT       NOT NULL,
  commit_hash  VARCHAR(64)  NOT NULL
);

-- deployment '' is the fleet.
CREATE TABLE conditions (
  deployment VARCHAR(36)  NOT NULL,
  type       VARCHAR(64)  NOT NULL,
  status     BOOLEAN      NOT NULL,
  reason     VARCHAR(255) NOT NULL,
  message    TEXT         NOT NULL,
  since      DATETIME(6)  NOT NULL,
  PRIMARY KEY (deployment, type)
);

-- What could not be seen whole, and why.
CREATE TABLE gaps (
  kind   VARCHAR(32) NOT NULL PRIMARY KEY,
  reason TEXT        NOT NULL,
  since  DATETIME(6) NOT NULL
);
