"""What a bucket does itself: its deletion rule, its notifications, its versions of an object."""
