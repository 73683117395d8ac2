"""Folders and files that were made for other trainers, as concepts and settings of ours; a file for each form."""
