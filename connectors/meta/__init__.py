"""What Facebook and Instagram share: the Graph API, its errors, its consent dialog and its webhook."""
