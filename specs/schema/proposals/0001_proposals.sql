-- What is suggested for main, who agreed, and what the checks said. Written by
-- mainstay pr; rows may be written by hand too. Times are UTC.

CREATE TABLE mainstay_schema (
  version INT NOT NULL PRIMARY KEY,
  name    VARCHAR(255) NOT NULL
);

CREATE TABLE proposals (
  id            INT          NOT NULL PRIMARY KEY,
  branch        VARCHAR(255) NOT NULL,
  base          VARCHAR(255) NOT NULL DEFAULT 'main',
  title         VARCHAR(255) NOT NULL,
  description   TEXT         NOT NULL,
  author        VARCHAR(255) NOT NULL,
  author_email  VARCHAR(255) NOT NULL,
  state         VARCHAR(16)  NOT NULL DEFAULT 'open',
  head          VARCHAR(32)  NOT NULL,
  merged_commit VARCHAR(32)  NOT NULL DEFAULT '',
  ended_by      VARCHAR(255) NOT NULL DEFAULT '',
  created_at    DATETIME(6)  NOT NULL,
  ended_at      DATETIME(6)  NULL,
  CONSTRAINT proposals_state_is_known CHECK (state IN ('open', 'merged', 'closed'))
);

-- An approval is of one commit: a branch that moves on needs it again.
CREATE TABLE reviews (
  proposal INT          NOT NULL,
  person   VARCHAR(255) NOT NULL,
  head     VARCHAR(32)  NOT NULL,
  comment  TEXT         NOT NULL,
  at       DATETIME(6)  NOT NULL,
  PRIMARY KEY (proposal, person, head)
);

-- A warning that somebody has seen and accepts, of one commit.
CREATE TABLE acknowledgements (
  proposal   INT          NOT NULL,
  head       VARCHAR(32)  NOT NULL,
  check_name VARCHAR(64)  NOT NULL,
  person     VARCHAR(255) NOT NULL,
  at         DATETIME(6)  NOT NULL,
  PRIMARY KEY (proposal, head, check_name)
);

-- The last check of a proposal.
CREATE TABLE checks (
  proposal    INT         NOT NULL PRIMARY KEY,
  head        VARCHAR(32) NOT NULL,
  base_commit VARCHAR(32) NOT NULL,
  passed      BOOLEAN     NOT NULL,
  findings    LONGTEXT    NOT NULL,
  plan_hash   VARCHAR(32) NOT NULL,
  preview     LONGTEXT    NOT NULL,
  checked_at  DATETIME(6) NOT NULL
);
