-- The entries by which names are searched are made by addSearched.
SELECT 1;
