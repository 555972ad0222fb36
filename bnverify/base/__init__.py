"""What every wing may use: errors, files, ids and the terminal."""
