"""City to citizens: posts are written, approved, and leave on time, exactly once."""
