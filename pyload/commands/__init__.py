"""What each command does, composed of the layers below; nothing here reads flags or prints."""
