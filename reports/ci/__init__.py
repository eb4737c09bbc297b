"""What CI systems read: JUnit, GitHub's and GitLab's formats, Markdown."""
