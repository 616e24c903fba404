-- status/files: files by state.
SELECT state, count(*) FROM import_file_log GROUP BY state ORDER BY state
