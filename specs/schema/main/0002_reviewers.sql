-- Who may let changes through: the owner's people, and how many of them must
-- agree. owner '' stands for every owner, branch for the branch merged into. The
-- largest required of an owner's rows counts.
CREATE TABLE reviewers (
  branch   VARCHAR(255) NOT NULL DEFAULT 'main',
  owner    VARCHAR(255) NOT NULL DEFAULT '',
  person   VARCHAR(255) NOT NULL,
  required INT          NOT NULL DEFAULT 1,
  PRIMARY KEY (branch, owner, person),
  CONSTRAINT reviewers_person_is_an_address CHECK (regexp_like(person, '^[^@ ]+@[^@ ]+$')),
  CONSTRAINT reviewers_required_range       CHECK (required BETWEEN 0 AND 20)
);
