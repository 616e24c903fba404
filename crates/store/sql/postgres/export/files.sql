-- export/files: the export files that were begun or written to since a time.
SELECT name, length FROM export_file WHERE updated_at >= $1 ORDER BY name
