-- What a cloud beyond this computer needs: names in DNS, certificates of a public
-- authority, machines in trouble, volumes that are known by their launch.
ALTER TABLE machines ADD COLUMN ipv6 VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE machines ADD COLUMN trouble VARCHAR(4096) NOT NULL DEFAULT '';
ALTER TABLE volumes ADD COLUMN token VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE volumes ADD COLUMN launch_index INT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN version VARCHAR(64) NOT NULL DEFAULT '';

-- What the control planes can do beside machines and databases, so that a plan can
-- be made elsewhere.
CREATE TABLE means (
  id            TINYINT       NOT NULL PRIMARY KEY,
  domain        VARCHAR(255)  NOT NULL,
  authority     VARCHAR(255)  NOT NULL,
  agent_version VARCHAR(64)   NOT NULL,
  agent_url     VARCHAR(1024) NOT NULL,
  agent_sha256  VARCHAR(64)   NOT NULL
);

-- The fleet's own address records, as they were listed or written last.
CREATE TABLE addresses (
  name       VARCHAR(255) NOT NULL,
  type       VARCHAR(8)   NOT NULL,
  value      TEXT         NOT NULL,
  ttl        INT          NOT NULL,
  deployment VARCHAR(36)  NOT NULL,
  PRIMARY KEY (name, type)
);

-- What there is of a public authority's for a deployment.
CREATE TABLE certificates (
  deployment  VARCHAR(36)   NOT NULL PRIMARY KEY,
  fingerprint VARCHAR(64)   NOT NULL,
  names       VARCHAR(1024) NOT NULL,
  not_after   DATETIME(6)   NULL,
  renew       DATETIME(6)   NULL,
  retry       DATETIME(6)   NULL,
  error       TEXT          NOT NULL
);

-- Machines and volumes that carry the fleet's mark and are on no record, with when
-- that was first seen.
CREATE TABLE strays (
  id    VARCHAR(255) NOT NULL PRIMARY KEY,
  kind  VARCHAR(32)  NOT NULL,
  since DATETIME(6)  NOT NULL
);
