-- export/find_file: how far an export file is written.
SELECT length FROM export_file WHERE name = $1
