//! Bodies of the fuzz targets; each begins with the law that it holds.
