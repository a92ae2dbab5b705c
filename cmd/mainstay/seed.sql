-- The example fleet that mainstay up begins with: three databases that differ in
-- release and settings, so that there is something to look at and to change.
INSERT INTO deployments (name, owner, dolt_version, volume_gb, protected) VALUES
  ('orders',  'shop', '2.2.0',  20, true),
  ('catalog', 'shop', '2.2.0',  10, false),
  ('archive', 'data', '1.86.4', 50, false);

INSERT INTO settings (deployment, name, value)
  SELECT id, 'listener.max_connections', '200' FROM deployments WHERE name = 'orders';
INSERT INTO settings (deployment, name, value)
  SELECT id, 'log_level', 'warning' FROM deployments WHERE name = 'catalog';
INSERT INTO settings (deployment, name, value)
  SELECT id, 'behavior.autocommit', 'true' FROM deployments WHERE name = 'archive';
