-- MLflow has a database of its own beside the warehouse.
CREATE DATABASE mlflow;
