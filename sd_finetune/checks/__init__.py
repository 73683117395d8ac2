"""What settings would be refused for, found all together before anything is loaded."""
