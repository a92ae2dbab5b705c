-- What each commit of main was about to do to the world when it came into force,
-- and what its proposal had shown. expected is empty for a commit without one.
CREATE TABLE plans (
  commit_hash VARCHAR(64) NOT NULL PRIMARY KEY,
  plan_hash   VARCHAR(32) NOT NULL,
  expected    VARCHAR(32) NOT NULL,
  preview     LONGTEXT    NOT NULL,
  planned_at  DATETIME(6) NOT NULL
);
